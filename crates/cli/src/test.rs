//! `quittance test`.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use quittance_collector::{Documents, Wanted, judge};
use quittance_core::{Judged, Sample};
use serde_json::{Value, json};

use crate::output::print;

/// What stands for the number of an account that is not known.
const NOBODY: &str = "000000000000";

/// Events that are shown of a text, in characters.
const SHOWN: usize = 100;

#[derive(Args)]
pub(crate) struct Options {
    /// The samples: objects as they lie in a bucket, bodies of messages, or answers of an API.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The service, by the name of its section.
    #[arg(long, value_name = "NAME")]
    service: String,
    /// The configuration. Without one, the service is taken as it is with nothing set.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What completes a configuration that was written for the Collector Server: a file with `globals` and `outputs`.
    #[arg(long, value_name = "FILE", requires = "config")]
    server: Option<PathBuf>,
    /// The input; may be left out where one alone has the service.
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// The key of the object that the sample is; the file's name if unset. Of a log group's answer, the group.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The bucket of the object that the sample is.
    #[arg(long, value_name = "NAME", default_value = "samples")]
    bucket: String,
    /// The number of the account that reads, for events that do not say theirs.
    #[arg(long, value_name = "NUMBER", default_value = NOBODY)]
    account: String,
    /// One JSON object for each event, a line each.
    #[arg(long)]
    json: bool,
    /// Events and bytes by table, and what each filter drops.
    #[arg(long, conflicts_with_all = ["json", "expect"])]
    report: bool,
    /// A file with what is expected, as `--json` printed it: the exit code is 1 if anything is different.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    expect: Option<PathBuf>,
}

/// An event of a file.
struct Line {
    file: String,
    /// From 1 on.
    event: usize,
    judged: Judged,
}

/// Says what would become of samples. Nothing is asked of anybody.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let Options { files, service, config, server, input, key, bucket, account, json, report, expect } = options;
    let mut samples = Vec::new();
    let mut names = Vec::new();
    for file in &files {
        let content = fs::read(file).with_context(|| format!("cannot read the sample `{}`", file.display()))?;
        let name = key.clone().unwrap_or_else(|| named(file));
        for bytes in parts(content) {
            samples.push(Sample { name: name.clone(), place: bucket.clone(), account: account.clone(), bytes });
            names.push(file.display().to_string());
        }
    }
    let documents = config.map(|config| Documents { config, server });
    let judged = judge(&Wanted { documents, input, service }, &samples).await?;
    let mut lines: Vec<Line> = Vec::new();
    for (file, judged) in names.into_iter().zip(judged) {
        let before = lines.iter().rev().find(|line| line.file == file).map_or(0, |line| line.event);
        let of_file = |(n, judged)| Line { file: file.clone(), event: before + n + 1, judged };
        lines.extend(judged.into_iter().enumerate().map(of_file));
    }
    if let Some(expect) = expect {
        return compare(&lines, &expect);
    }
    print(&match (json, report) {
        (true, _) => lines.iter().map(|line| format!("{}\n", in_json(line))).collect(),
        (_, true) => report_of(&lines),
        _ => in_lines(&lines),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A file's name, as an object's key.
fn named(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What `aws sqs receive-message` prints holds a body for each message; anything else is one sample. A file of bodies has
/// one on each line.
fn parts(content: Vec<u8>) -> Vec<Vec<u8>> {
    if let Ok(Value::Object(mut answer)) = serde_json::from_slice(&content) {
        if let Some(Value::Array(messages)) = answer.remove("Messages") {
            let body = |message: Value| Some(message.get("Body")?.as_str()?.as_bytes().to_vec());
            return messages.into_iter().filter_map(body).collect();
        }
        return vec![content];
    }
    let lines = || content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let is_body = |line: &[u8]| serde_json::from_slice::<serde_json::Map<String, Value>>(line).is_ok();
    match lines().next().is_some() && lines().all(is_body) {
        true => lines().map(<[u8]>::to_vec).collect(),
        false => vec![content],
    }
}

fn verdict(judged: &Judged) -> &'static str {
    match judged {
        Judged { sent: true, .. } => "sent",
        Judged { aside: Some(_), .. } => "set aside",
        Judged { .. } => "dropped",
    }
}

fn in_json(Line { file, event, judged }: &Line) -> Value {
    let mut line = json!({
        "file": file,
        "event": event,
        "tag": judged.tag.as_str(),
        "verdict": verdict(judged),
        "filter": judged.filter.as_deref(),
        "masked": judged.masked,
        "bytes": judged.event.len(),
    });
    if judged.masked {
        line["text"] = String::from_utf8_lossy(&judged.event).into();
    }
    line
}

fn in_lines(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for Line { file, event, judged } in lines {
        *counts.entry(verdict(judged)).or_default() += 1;
        let filter = judged.filter.as_deref().map(|filter| format!(" by {filter}")).unwrap_or_default();
        let masked = if judged.masked { ", masked" } else { "" };
        let aside = judged.aside.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let shown: String = String::from_utf8_lossy(&judged.event).chars().take(SHOWN).collect();
        _ = writeln!(text, "{file}:{event}: {}{filter}{masked}{aside}  {}  {shown}", verdict(judged), judged.tag);
    }
    let counts: Vec<_> = counts.into_iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    _ = writeln!(text, "{} events: {}", lines.len(), counts.join(", "));
    text
}

/// Events and their bytes.
#[derive(Default)]
struct Sum {
    events: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, event: &[u8]) {
        self.events += 1;
        self.bytes += event.len() as u64;
    }
}

fn report_of(lines: &[Line]) -> String {
    let (mut tables, mut filters, mut all) =
        (BTreeMap::<&str, Sum>::new(), BTreeMap::<&str, (Sum, Sum)>::new(), Sum::default());
    for Line { judged, .. } in lines {
        all.add(&judged.event);
        if judged.sent {
            tables.entry(judged.tag.table()).or_default().add(&judged.event);
        }
        if let Some(filter) = &judged.filter {
            let (matched, dropped) = filters.entry(filter).or_default();
            matched.add(&judged.event);
            if verdict(judged) == "dropped" {
                dropped.add(&judged.event);
            }
        }
    }
    let share = |bytes: u64| 100.0 * bytes as f64 / all.bytes.max(1) as f64;
    let mut text = format!("all events: {} events, {} bytes\n", all.events, all.bytes);
    for (table, Sum { events, bytes }) in tables {
        _ = writeln!(text, "table {table}: {events} events, {bytes} bytes ({:.1} %)", share(bytes));
    }
    for (filter, (matched, dropped)) in filters {
        _ = writeln!(
            text,
            "filter {filter}: matches {} events, saves {} events, {} bytes ({:.1} %)",
            matched.events,
            dropped.events,
            dropped.bytes,
            share(dropped.bytes)
        );
    }
    text
}

/// Compares with what was expected, event by event.
fn compare(lines: &[Line], expect: &Path) -> Result<ExitCode> {
    let text =
        fs::read_to_string(expect).with_context(|| format!("cannot read what is expected, `{}`", expect.display()))?;
    let mut expected: BTreeMap<(String, u64), Value> = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = || format!("{}:{}", expect.display(), number + 1);
        let line: Value = serde_json::from_str(line).with_context(|| format!("{}: no line of `--json`", at()))?;
        let (Some(file), Some(event)) = (line["file"].as_str(), line["event"].as_u64()) else {
            bail!("{}: expected `file` and `event`, as `--json` prints them", at());
        };
        expected.insert((file.to_owned(), event), line);
    }
    let (mut differences, mut text) = (0, String::new());
    let mut differ = |was: Option<&Value>, is: Option<&Value>| {
        differences += 1;
        was.iter().for_each(|was| _ = writeln!(text, "- {was}"));
        is.iter().for_each(|is| _ = writeln!(text, "+ {is}"));
    };
    for line in lines {
        let is = in_json(line);
        match expected.remove(&(line.file.clone(), line.event as u64)) {
            // What is not mentioned is not compared.
            Some(was)
                if was.as_object().is_some_and(|was| was.iter().all(|(key, value)| is.get(key) == Some(value))) => {}
            was => differ(was.as_ref(), Some(&is)),
        }
    }
    for was in expected.values() {
        differ(Some(was), None);
    }
    _ = match differences {
        0 => writeln!(text, "{} events, all as expected", lines.len()),
        n => writeln!(text, "{} events, {n} different", lines.len()),
    };
    print(&text)?;
    Ok(if differences == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
