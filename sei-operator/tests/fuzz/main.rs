//! Replays the corpus of the fuzzer (C6): every file of `fixtures/fuzz` through the promises of its parser, then a few
//! thousand changes of them. See docs/fuzzing.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(unreachable_pub, reason = "the fuzzer uses the same files as a library")]

mod oracles;

use std::fs;
use std::path::Path;

use oracles::{Random, TARGETS, Target, Told, judge, leak, mutated};

/// Changed inputs per target.
const MUTATIONS: usize = 1000;
/// Changes that are made one upon the other before the next file is taken.
const GENERATIONS: usize = 4;

/// The inputs of a target, by name.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/fuzz").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| (path.file_name().unwrap().display().to_string(), fs::read(path).unwrap())).collect()
}

fn replay(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    assert!(corpus.len() >= 5, "{name} has a corpus");
    for (file, input) in &corpus {
        judge(target, input).unwrap_or_else(|broken| panic!("{name}/{file}: {broken}"));
    }
    let mut random = Random::new(1);
    for _ in 0..MUTATIONS / GENERATIONS {
        let (file, input) = &corpus[random.below(corpus.len())];
        let mut input = input.clone();
        for _ in 0..GENERATIONS {
            input = mutated(&input, target.words, &mut random);
            judge(target, &input)
                .unwrap_or_else(|broken| panic!("{name}/{file}, as {}: {broken}", input.escape_ascii()));
        }
    }
}

#[test]
fn key_json() {
    replay("key-json");
}

#[test]
fn keyring() {
    replay("keyring");
}

#[test]
fn pem() {
    replay("pem");
}

#[test]
fn plan_json() {
    replay("plan-json");
}

#[test]
fn sidecar_reply() {
    replay("sidecar-reply");
}

#[test]
fn yaml() {
    replay("yaml");
}

#[test]
fn every_target_is_replayed() {
    let names = TARGETS.map(|target| target.name);
    assert_eq!(names, ["key-json", "keyring", "pem", "plan-json", "sidecar-reply", "yaml"]);
}

/// What a parser would say that shows its Secret.
fn leaking(said: &str, secret: &[u8]) -> Option<String> {
    leak(&Told { said: vec![said.to_owned()], secrets: vec![secret.to_vec()], ..Told::default() })
}

#[test]
fn a_canary_that_leaks_on_purpose_is_caught_in_every_form() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let canary: Vec<u8> = (0_u8..30).map(|i| i.wrapping_mul(37).wrapping_add(11)).collect();
    let piece = &canary[5..13];
    let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        hex.to_uppercase(),
        format!("x{hex}"),
        hex,
        STANDARD.encode(piece),
        STANDARD.encode([b"x", piece].concat()),
        STANDARD.encode([b"xy", piece].concat()),
        URL_SAFE_NO_PAD.encode(&canary),
        format!("{piece:?}"),
        piece.escape_ascii().to_string(),
    ];
    let written = STANDARD.encode(&canary).into_bytes();
    for form in forms {
        assert!(leaking(&format!("wrong: {form}!"), &canary).is_some(), "{form}");
        assert!(leaking(&format!("wrong: {form}!"), &written).is_some(), "{form} of base64");
    }
    assert!(leaking(&format!("{:?}", "a\nb\"c\u{1}défg"), "a\nb\"c\u{1}défg".as_bytes()).is_some());
    assert_eq!(leaking("secret \"s\" is not valid PEM", &canary), None);
    assert_eq!(leaking(&STANDARD.encode(&piece[1..]), &canary), None, "seven bytes are no window");
}

#[test]
fn what_is_public_by_design_is_no_leak_and_nothing_else() {
    let told = |name: &str, public: &str| Told {
        said: vec!["address \"0123456789abcdef\"".to_owned()],
        secrets: vec![b"{\"address \"0123456789abcdef\"}".to_vec()],
        names: vec![name.to_owned()],
        public: vec![public.as_bytes().to_vec()],
        vocabulary: &["\"address \""],
    };
    assert_eq!(leak(&told("0123456789abcdef", "")), None);
    assert_eq!(leak(&told("", "{\"address \"0123456789abcdef\"}")), None);
    assert!(leak(&told("01234567", "")).is_some());
    assert!(leak(&told("", "0123456789abcdef")).is_some(), "a window across the border is one");
}

#[test]
fn broken_promises_are_noticed() {
    fn tells(input: &[u8]) -> Told {
        Told { said: vec![format!("{input:?}")], secrets: vec![input.to_vec()], ..Told::default() }
    }
    fn changes_its_mind(_: &[u8]) -> Told {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        Told { said: vec![CALLS.fetch_add(1, Ordering::Relaxed).to_string()], ..Told::default() }
    }
    let target = |ask| Target { name: "broken", ask, words: &[] };
    let leaks = judge(&target(tells), b"correct horse battery staple").unwrap_err();
    assert!(leaks.contains("of a Secret"), "{leaks}");
    let fickle = judge(&target(changes_its_mind), b"").unwrap_err();
    assert!(fickle.contains("another answer"), "{fickle}");
}
