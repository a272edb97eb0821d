//! Round robin by weight: a wheel on which each choice has as many places as its weight says, in random order, and a
//! pointer that goes round.

use std::cell::Cell;

/// More places than this are scaled down; weights then count in steps of a thousandth part or finer.
const MOST_PLACES: u64 = 10_000;

/// A wheel over the choices `0..n`.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    places: Box<[u32]>,
    at: Cell<usize>,
}

impl Wheel {
    /// Returns a wheel for these weights; a choice with weight 0 has no place. `below(n)` returns a random number below n.
    ///
    /// Weights are divided by their greatest common divisor and the places shuffled, as Kong's round-robin does.
    pub(crate) fn of(weights: &[u32], below: impl Fn(usize) -> usize) -> Self {
        let divisor = weights.iter().copied().filter(|weight| *weight > 0).fold(0, gcd).max(1);
        let total: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
        let scale = |weight: u32| match u64::from(weight / divisor) {
            0 => 0,
            places if total <= MOST_PLACES => places,
            places => (places * MOST_PLACES / total).max(1),
        };
        let mut places: Vec<u32> = Vec::new();
        for (choice, weight) in (0..).zip(weights) {
            places.extend(std::iter::repeat_n(choice, scale(*weight) as usize));
        }
        for at in (1..places.len()).rev() {
            places.swap(at, below(at + 1));
        }
        Self { places: places.into(), at: Cell::new(0) }
    }

    /// Returns the next choice, `None` when there is none at all.
    pub(crate) fn next(&self) -> Option<usize> {
        let at = self.at.get();
        let choice = *self.places.get(at)?;
        self.at.set((at + 1) % self.places.len());
        Some(choice as usize)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_over_a_round() {
        for (weights, steps, want) in [
            (vec![100, 100, 100], 12, vec![4, 4, 4]),
            (vec![10, 30, 0], 16, vec![4, 12, 0]),
            (vec![0], 3, vec![0]),
            (vec![], 3, vec![]),
            (vec![65_535, 1], 10_000, vec![9_999, 1]),
        ] {
            let wheel = Wheel::of(&weights, |bound| bound / 2);
            let mut got = vec![0; weights.len()];
            for choice in std::iter::repeat_with(|| wheel.next()).take(steps).flatten() {
                got[choice] += 1;
            }
            assert_eq!(got, want, "{weights:?}");
        }
    }
}
