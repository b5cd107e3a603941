//! The documentation: every link leads somewhere, every page is in the book, and the book can be built.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{provision, step, workspace::Workspace};

/// The book's pages; what they link to must be within it, or it would lead nowhere once the book is built.
const BOOK: &str = "docs";

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Folders that hold no page of ours.
const NOT_OURS: [&str; 2] = ["target", "node_modules"];

/// Checks the links of every page in the workspace.
pub(crate) fn links(workspace: &Workspace) -> Result<()> {
    let found = violations_in(&workspace.root)?;
    if found.is_empty() {
        return Ok(());
    }
    for violation in &found {
        eprintln!("{violation}");
    }
    bail!("{} links of the documentation lead nowhere, or pages are not in the book", found.len());
}

/// Builds the book. A machine that cannot get mdBook says so loudly, for the links were checked without it.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    match provision::mdbook(workspace) {
        Ok(program) => {
            step::command(Command::new(program).args(["build", BOOK]).current_dir(&workspace.root))?;
            let page = workspace.target.join("book").join("quick-start.html");
            fs::metadata(&page).with_context(|| format!("the book has no `{}`", page.display()))?;
            Ok(())
        }
        Err(error) => {
            eprintln!();
            eprintln!("WARNING: there is no mdBook: the book is NOT built. {error:#}");
            eprintln!();
            Ok(())
        }
    }
}

fn violations_in(root: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    read_pages(root, Path::new(""), &mut pages)?;
    Ok(violations(&pages, |path| root.join(path).exists()))
}

fn read_pages(root: &Path, folder: &Path, pages: &mut BTreeMap<PathBuf, Page>) -> Result<()> {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || NOT_OURS.contains(&&*name) {
            continue;
        }
        let within = folder.join(&*name);
        if entry.file_type()?.is_dir() {
            read_pages(root, &within, pages)?;
        } else if within.extension().is_some_and(|extension| extension == "md") {
            pages.insert(within, Page::of(&fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// What is wrong, a line each. Paths are from the workspace's root.
fn violations(pages: &BTreeMap<PathBuf, Page>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, page) in pages {
        for Link { line, target } in &page.links {
            if let Some(problem) = problem(path, target, pages, &exists) {
                found.push(format!("{}:{line}: `{target}`: {problem}", path.display()));
            }
        }
    }
    if let Some(summary) = pages.get(Path::new(SUMMARY)) {
        let listed: Vec<_> =
            summary.links.iter().filter_map(|link| resolve(Path::new(SUMMARY), &link.target)).collect();
        for path in pages.keys().filter(|path| path.starts_with(BOOK) && *path != Path::new(SUMMARY)) {
            match listed.iter().filter(|one| *one == path).count() {
                0 => found.push(format!("{}: is not in {SUMMARY}", path.display())),
                1 => {}
                _ => found.push(format!("{}: is in {SUMMARY} more than once", path.display())),
            }
        }
    }
    found
}

fn problem(
    from: &Path,
    target: &str,
    pages: &BTreeMap<PathBuf, Page>,
    exists: impl Fn(&Path) -> bool,
) -> Option<String> {
    if ["https:", "http:", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file).unwrap_or_default() };
    if path.as_os_str().is_empty() {
        return Some("is outside of the workspace".to_owned());
    }
    if from.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Some(
            "is outside of the book, so the built book has it not: name the file in `code` instead".to_owned(),
        );
    }
    if !exists(&path) {
        return Some(format!("there is no `{}`", path.display()));
    }
    let anchor = anchor?;
    match pages.get(&path) {
        None => Some("has an anchor, but is no page".to_owned()),
        Some(page) if !page.anchors.iter().any(|one| one == anchor) => {
            Some(format!("`{}` has no heading `{anchor}`", path.display()))
        }
        Some(_) => None,
    }
}

/// The path from the root, or nothing if it leaves the workspace.
fn resolve(from: &Path, target: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// A page of Markdown, as far as links go.
#[derive(Default)]
struct Page {
    links: Vec<Link>,
    anchors: Vec<String>,
}

struct Link {
    line: usize,
    target: String,
}

impl Page {
    fn of(text: &str) -> Page {
        let text = without_fences(text);
        let mut anchors = Anchors::default();
        for line in text.lines() {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            if (1..=6).contains(&level) && line[level..].starts_with(' ') {
                anchors.heading(line[level..].trim().trim_end_matches('#'));
            }
        }
        let text = without_code(&text);
        let mut links = Vec::new();
        for (at, _) in text.match_indices("](") {
            let rest = &text[at + 2..];
            // A title, and what a table or sentence goes on with, are not of the target.
            let end = rest.find([')', ' ', '\n']).unwrap_or(rest.len());
            links.push((at, rest[..end].trim_matches(['<', '>']).to_owned()));
        }
        for attribute in ["src=\"", "srcset=\"", "href=\""] {
            for (at, _) in text.match_indices(attribute) {
                let rest = &text[at + attribute.len()..];
                links.push((at, rest[..rest.find('"').unwrap_or(rest.len())].to_owned()));
            }
        }
        for (at, _) in text.match_indices(" id=\"") {
            let rest = &text[at + 5..];
            anchors.all.push(rest[..rest.find('"').unwrap_or(rest.len())].to_owned());
        }
        links.sort();
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        let links = links.into_iter().map(|(at, target)| Link { line: line(at), target }).collect();
        Page { links, anchors: anchors.all }
    }
}

/// The ids of headings, as both mdBook and code hosts make them.
#[derive(Default)]
struct Anchors {
    all: Vec<String>,
    times: HashMap<String, usize>,
}

impl Anchors {
    fn heading(&mut self, heading: &str) {
        let mut shown = String::new();
        let mut rest = heading.trim();
        // Of a link, its text is shown.
        while let Some(middle) = rest.find("](") {
            let end = rest[middle..].find(')').map_or(rest.len(), |end| middle + end + 1);
            shown.push_str(&rest[..middle]);
            rest = &rest[end..];
        }
        shown.push_str(rest);
        let slug: String = shown
            .chars()
            .filter_map(|char| match char {
                '_' | '-' => Some(char),
                _ if char.is_alphanumeric() => Some(char.to_ascii_lowercase()),
                _ if char.is_whitespace() => Some('-'),
                _ => None,
            })
            .collect();
        let times = self.times.entry(slug.clone()).or_default();
        self.all.push(if *times == 0 { slug } else { format!("{slug}-{times}") });
        *times += 1;
    }
}

/// The same lines, with empty ones where code blocks are.
fn without_fences(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| trimmed.starts_with(marker));
        match (fence, marker) {
            (None, None) => kept.push_str(line),
            (None, Some(_)) => fence = marker,
            (Some(open), _) if trimmed.starts_with(open) => fence = None,
            (Some(_), _) => {}
        }
        kept.push('\n');
    }
    kept
}

/// The same text without what stands in backticks; line ends stay.
fn without_code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        kept.push_str(&rest[..at]);
        let ticks = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
        let (open, after) = rest[at..].split_at(ticks);
        // A paragraph ends what has no end.
        let paragraph = &after[..after.find("\n\n").unwrap_or(after.len())];
        match paragraph.find(open) {
            Some(end) => {
                kept.extend(paragraph[..end].chars().filter(|char| *char == '\n'));
                rest = &after[end + ticks..];
            }
            None => rest = after,
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The violations of pages given as (path, text), in a workspace that also has `config.yaml`, `docs/a.svg` and them.
    fn check(texts: &[(&str, &str)]) -> Vec<String> {
        let pages: BTreeMap<_, _> = texts.iter().map(|(path, text)| (PathBuf::from(path), Page::of(text))).collect();
        let others = [Path::new("config.yaml"), Path::new("docs/a.svg")];
        violations(&pages, |path| pages.contains_key(path) || others.contains(&path))
    }

    #[test]
    fn every_link_of_this_workspace_leads_somewhere() {
        let workspace = Workspace::load().expect("cargo metadata works");
        assert_eq!(violations_in(&workspace.root).expect("the pages are read"), Vec::<String>::new());
    }

    #[test]
    fn links_to_files_headings_and_other_sites_are_right() {
        let page = "# A `b-c` & [d](docs/x.md)\n\n# Again\n\n# Again\n\n[1](config.yaml) [2](docs/x.md#what-s_it) [3](#a-b-c--d)\n\
                    [4](#again-1) [5](https://example.com/nothing#here) ![6](docs/a.svg \"title\") [7\n](docs/x.md)\n\
                    <img src=\"docs/a.svg\"> <a id=\"own\"></a> [8](#own)";
        assert_eq!(check(&[("README.md", page), ("docs/x.md", "## What s_it ##")]), Vec::<String>::new());
    }

    #[test]
    fn a_missing_file_and_a_missing_heading_are_found_with_their_lines() {
        let found = check(&[
            ("README.md", "# A\n\n[1](gone.md)\n[2](docs/x.md#gone) [3](#b)\n<img src=\"b.svg\">\n[4](../../x)"),
            ("docs/x.md", "# X"),
        ]);
        assert_eq!(
            found,
            [
                "README.md:3: `gone.md`: there is no `gone.md`",
                "README.md:4: `docs/x.md#gone`: `docs/x.md` has no heading `gone`",
                "README.md:4: `#b`: `README.md` has no heading `b`",
                "README.md:5: `b.svg`: there is no `b.svg`",
                "README.md:6: `../../x`: is outside of the workspace",
            ]
        );
    }

    #[test]
    fn what_stands_in_code_is_no_link_and_no_heading() {
        let page = "```\n# Not\n[1](gone)\n```\n`[2](gone)` ``a ` [3](gone)`` and `[4](a\ngone)`\n[5](gone)";
        let found = check(&[("README.md", page)]);
        assert_eq!(found, ["README.md:7: `gone`: there is no `gone`"]);
    }

    #[test]
    fn the_book_links_within_itself_and_has_every_page_once() {
        let found = check(&[
            ("docs/SUMMARY.md", "- [One](one.md)\n- [Two](two.md)\n- [Two](two.md)"),
            ("docs/one.md", "[1](../config.yaml)"),
            ("docs/three.md", ""),
            ("docs/two.md", "[1](./one.md)"),
        ]);
        assert_eq!(
            found,
            [
                "docs/one.md:1: `../config.yaml`: is outside of the book, so the built book has it not: name the file \
                 in `code` instead",
                "docs/three.md: is not in docs/SUMMARY.md",
                "docs/two.md: is in docs/SUMMARY.md more than once",
            ]
        );
    }
}
