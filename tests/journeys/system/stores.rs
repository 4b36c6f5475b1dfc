//! The stores, asked with their own stock clients as an operator would: psql, and HTTP for ClickHouse and OpenSearch.

use std::process::Command;

use serde_json::{Value as Json, json};

use super::System;

impl System {
    /// The rows of a statement as the owner of the tables, who sees every tenant; columns separated by tabs.
    pub async fn postgres(&self, statement: &str) -> Vec<Vec<String>> {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "daybook_owner"])
            .args(["-p", &self.port(15_432).to_string(), "-d", "daybook", "-c", statement])
            .env("PGPASSWORD", self.secret("postgres-owner"));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// The rows of a statement as the projector, who sees every tenant.
    pub async fn clickhouse(&self, statement: &str) -> Vec<Json> {
        let request = self
            .http
            .post(self.url("clickhouse"))
            .query(&[("default_format", "JSONEachRow"), ("output_format_json_quote_64bit_integers", "0")])
            .header("X-ClickHouse-User", "daybook_projector")
            .header("X-ClickHouse-Key", self.secret("clickhouse-projector"))
            .body(statement.to_owned());
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{statement}: {text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All documents of an index of that tenant, refreshed.
    pub async fn documents(&self, index: &str, tenant: uuid::Uuid) -> Vec<Json> {
        self.opensearch("POST", &format!("{index}/_refresh"), json!({})).await;
        let asked = json!({ "size": 10_000, "query": { "term": { "tenant": tenant } } });
        let found = self.opensearch("POST", &format!("{index}/_search"), asked).await;
        found["hits"]["hits"].as_array().cloned().unwrap_or_default()
    }

    /// Asks OpenSearch for something that must succeed.
    pub async fn opensearch(&self, method: &str, path: &str, body: Json) -> Json {
        let url = format!("{}/{path}", self.url("opensearch"));
        let response = self.http.request(method.parse().unwrap(), url).json(&body).send().await.unwrap();
        let (status, answer) = (response.status(), response.json::<Json>().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {answer}");
        answer
    }
}
