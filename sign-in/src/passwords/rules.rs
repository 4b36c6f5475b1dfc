//! Which passwords are good enough: long enough, not known from breaches, not made of what everybody knows of the person. No
//! kind of character is asked for, and none is refused (NIST SP 800-63B, section 5.1.1.2).

use std::collections::HashSet;

use daybook_platform::ApiError;

use super::{breached::Breached, normalized};

/// The fewest characters.
pub const SHORTEST: usize = 12;

/// The most characters: far more than anybody types, and little to hash.
pub const LONGEST: usize = 256;

/// Once what everybody knows of the person is taken out, so many characters have to be left.
const LEFT: usize = 8;

/// Passwords that many had, in lower case. From zxcvbn-python (MIT, see NOTICE).
const COMMON: &str = include_str!("common.txt");

/// The rules, with the lists they look at.
pub struct Rules {
    common: HashSet<&'static str>,
    breached: Option<Breached>,
}

impl Rules {
    /// With the list that comes with Daybook, and a larger one where there is one.
    pub fn new(breached: Option<Breached>) -> Self {
        Self { common: COMMON.lines().collect(), breached }
    }

    /// The password as it is hashed, if it is good enough for somebody of whom these words are known.
    ///
    /// # Errors
    /// 400 that says of `field` what it should be; 500 when the larger list cannot be read.
    pub fn accept(&self, field: &str, password: &str, known: &[&str]) -> Result<String, ApiError> {
        let password = normalized(password);
        if let Some(objection) = self.objection(&password, known) {
            return Err(ApiError::field(field, objection));
        }
        let found = self.breached.as_ref().map_or(Ok(false), |breached| breached.holds(&password));
        match found {
            Ok(false) => Ok(password),
            Ok(true) => Err(ApiError::field(field, "is known from a breach: choose another")),
            Err(error) => {
                tracing::error!(%error, "sign_in.breached_file cannot be read");
                Err(ApiError::internal())
            }
        }
    }

    fn objection(&self, password: &str, known: &[&str]) -> Option<String> {
        let length = password.chars().count();
        if length < SHORTEST {
            return Some(format!("must have at least {SHORTEST} characters"));
        }
        if length > LONGEST {
            return Some(format!("must have at most {LONGEST} characters"));
        }
        let lower = password.to_lowercase();
        if self.is_common(&lower) {
            return Some("is one that many have: choose another".to_owned());
        }
        if is_run(&lower) {
            return Some("repeats itself, or counts on: choose another".to_owned());
        }
        let words = known.iter().flat_map(|known| known.split(|c: char| !c.is_alphanumeric()));
        let words = words.map(str::to_lowercase).filter(|word| word.chars().count() >= 4);
        let rest = words.chain(["daybook".to_owned()]).fold(lower, |rest, word| rest.replace(&word, ""));
        (rest.chars().count() < LEFT).then(|| "says little more than your name or address: choose another".to_owned())
    }

    /// Whether it is common, also with digits and signs behind it or once more behind itself.
    fn is_common(&self, lower: &str) -> bool {
        let word = lower.trim_end_matches(|c: char| !c.is_alphabetic());
        let half = lower.len() / 2;
        let twice = lower.is_char_boundary(half) && lower[..half] == lower[half..];
        self.common.contains(lower) || self.common.contains(word) || (twice && self.common.contains(&lower[..half]))
    }
}

/// Whether it is a few characters again and again, or each is next to the one before.
fn is_run(lower: &str) -> bool {
    let chars: Vec<i64> = lower.chars().map(|c| i64::from(u32::from(c))).collect();
    let repeats = |period: usize| chars.iter().zip(chars.iter().skip(period)).all(|(one, other)| one == other);
    let steps = |by: i64| chars.windows(2).all(|pair| pair[1] - pair[0] == by);
    (1..=4).any(repeats) || steps(1) || steps(-1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(password: &str) -> String {
        let refused = Rules::new(None).accept("password", password, &["ann.miller@example.org", "Ann Miller"]);
        refused.map_or_else(|error| error.details[0].message.clone(), |_| "good".to_owned())
    }

    #[test]
    fn long_ones_are_good_whatever_they_are_made_of() {
        let long = "é".repeat(11) + &"correct horse battery staple ".repeat(8);
        for good in
            ["correct horse battery staple", "            x yz", "zwölf Zeichen", "一二三四五六七八九十百千", &long]
        {
            assert_eq!(said(good), "good", "{good}");
        }
    }

    #[test]
    fn short_known_and_easily_guessed_ones_are_not() {
        for (bad, why) in [
            ("elevenchars", "at least 12"),
            ("\u{ff21}bcdefghijk", "at least 12"),
            (&"xy1 ".repeat(65), "at most 256"),
            ("1qaz2wsx3edc", "many have"),
            ("1QAZ2wsx3EDC", "many have"),
            ("iloveyou2026!!", "many have"),
            ("passwordpassword", "many have"),
            ("aaaaaaaaaaaaaa", "repeats itself"),
            ("wxqzwxqzwxqzwxqz", "repeats itself"),
            ("mnopqrstuvwxyz", "counts on"),
            ("Miller-Example1", "name or address"),
            ("daybook-miller", "name or address"),
        ] {
            assert!(said(bad).contains(why), "{bad}: {}", said(bad));
        }
    }

    #[test]
    fn one_form_of_letters_is_as_good_as_another() {
        let rules = Rules::new(None);
        let one = rules.accept("password", "zo\u{eb} and the ﬁshes", &[]).unwrap();
        assert_eq!(one, rules.accept("password", "zoe\u{308} and the fishes", &[]).unwrap());
    }
}
