//! `generate` writes the contracts that follow from the declaration; `generate --check` only says what differs.

use std::{path::Path, process::ExitCode};

use daybook_schemas::{Catalogue, committed, openapi};

fn main() -> ExitCode {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--check" => true,
        _ => {
            eprintln!("usage: generate [--check]");
            return ExitCode::from(2);
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match run(root, check) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            eprintln!(
                "(An event that no journal holds yet may still change: remove its schema, history and fixtures first.)"
            );
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, check: bool) -> Result<ExitCode, committed::CommittedError> {
    let changes = committed::changes(root, &Catalogue::ours(), &openapi::documents())?;
    for change in &changes {
        println!("schemas/{}", change.path.display());
    }
    if check && !changes.is_empty() {
        eprintln!(
            "these differ from the declaration; run `cargo run -p daybook-schemas --bin generate` and commit them"
        );
        return Ok(ExitCode::FAILURE);
    }
    committed::write(root, &changes)?;
    Ok(ExitCode::SUCCESS)
}
