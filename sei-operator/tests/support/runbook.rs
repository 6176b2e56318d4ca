//! Pages of `docs/` with commands, which are run as they stand there.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::fixtures;
use super::world::World;

/// A page, and a directory with its manifests in which its commands run.
pub(crate) struct Runbook {
    text: String,
    dir: TempDir,
}

impl Runbook {
    /// The page of this name, with the manifests of `fixtures/runbooks/<name>` and the tools that it calls by name.
    pub(crate) fn open(world: &World, name: &str) -> Self {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name).with_extension("md");
        let text = std::fs::read_to_string(page).expect("the page");
        let dir = tempfile::tempdir().expect("a directory");
        for (file, at) in fixtures::runbook(name) {
            std::fs::copy(at, dir.path().join(file)).expect("our directory");
        }
        let tools = dir.path().join("bin");
        std::fs::create_dir(&tools).expect("our directory");
        for (name, program) in world.programs() {
            symlink(program, tools.join(name)).expect("our directory");
        }
        Self { text, dir }
    }

    /// Where the commands run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What stands below a heading.
    fn chapter(&self, heading: &str) -> &str {
        let begins = format!("\n## {heading}\n");
        let (_, rest) = self.text.split_once(&begins).unwrap_or_else(|| panic!("no chapter {heading:?}"));
        rest.split("\n## ").next().unwrap_or(rest)
    }

    /// The blocks of commands of a chapter.
    pub(crate) fn commands(&self, heading: &str) -> Vec<String> {
        let blocks = self.chapter(heading).split("```sh\n").skip(1);
        let blocks: Vec<String> = blocks.map(|block| block.split("```").next().expect("a block").to_owned()).collect();
        assert!(!blocks.is_empty(), "{heading:?} has no commands");
        blocks
    }

    /// The rows of the table of a chapter, cell by cell.
    pub(crate) fn rows(&self, heading: &str) -> Vec<Vec<&str>> {
        let lines = self.chapter(heading).lines().filter(|line| line.starts_with('|')).skip(2);
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    /// Runs commands as a person does who may do everything.
    pub(crate) async fn run(&self, world: &World, script: &str) -> Output {
        println!("{}", script.trim_end());
        let mut shell = world.shell(script);
        let path = format!("{}:/usr/bin:/bin", self.dir.path().join("bin").display());
        shell.env("PATH", path).current_dir(self.dir.path());
        let output = tokio::task::spawn_blocking(move || shell.output()).await.expect("it runs").expect("it starts");
        println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Runs every command of a chapter, in order; none may fail.
    pub(crate) async fn follow(&self, world: &World, heading: &str) {
        for block in self.commands(heading) {
            let output = self.run(world, &block).await;
            assert!(output.status.success(), "{block}: {}", output.status);
        }
    }
}

/// What stands between backticks.
pub(crate) fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
