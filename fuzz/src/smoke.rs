//! Every target over its seeds and some thousand mutations of them, the same in every run. It takes seconds; real
//! fuzzing is described in the README.

use std::fs;
use std::path::Path;

use crate::TARGETS;
use crate::Target;

/// Mutations of all seeds of a target together.
const MUTATIONS: usize = 3000;
/// No mutated input is longer, so that the smoke stays quick.
const LONGEST: usize = 4096;

/// Bytes and words that mean something to one of the parsers.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"=",
    b"&",
    b"%",
    b"%2e",
    b"%00",
    b"+",
    b"..",
    b"/",
    b"//",
    b"?",
    b"#",
    b"[",
    b"]",
    b"[]",
    b"{",
    b"}",
    b"\"",
    b"'",
    b"\\",
    b"~",
    b"*",
    b"&a",
    b"*a",
    b"<<: ",
    b"- ",
    b"? ",
    b"| ",
    b"!!",
    b"0",
    b"-1",
    b"ffffffffffffffff",
    b"1e400",
    b"null",
    b"0x1",
    b"\xff",
    b"\xc3\xa9",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Host: b\r\n",
    b"--b",
    b"0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"(",
    b")",
    b"(?<a>",
    b"{2,3}",
    b"$(",
    b"::1/64",
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// Returns a seed with one to four changes.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut data = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            let end = (at + self.below(16)).min(data.len());
            match self.below(6) {
                0 if at < data.len() => data[at] ^= 1 << self.below(8),
                1 => drop(data.drain(at..end)),
                2 => {
                    let piece = data[at..end].to_vec();
                    let to = self.below(data.len() + 1);
                    data.splice(to..to, piece);
                }
                3 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    data.truncate(at);
                    data.extend_from_slice(&other[from..]);
                }
                _ => drop(data.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
            }
        }
        data.truncate(LONGEST);
        data
    }
}

#[test]
fn targets_hold_over_seeds_and_mutations() {
    let failures: Vec<String> = TARGETS.iter().filter_map(|(name, target)| failure(name, *target)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Returns the first input of a target at which it fails.
fn failure(name: &str, target: Target) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let folder = fs::read_dir(folder).unwrap_or_else(|error| panic!("seeds of {name}: {error}"));
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).expect("a readable seed")).collect();
    assert!(!seeds.is_empty(), "no seeds for {name}");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mutated = (0..MUTATIONS).map(|_| random.mutate(&seeds));
    let mut inputs = seeds.iter().cloned().chain(mutated);
    let failing = inputs.find(|input| std::panic::catch_unwind(|| target(input)).is_err())?;
    Some(format!("{name} fails for {:?}", String::from_utf8_lossy(&failing)))
}
