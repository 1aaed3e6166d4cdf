//! A sequence of choices.

/// Gives the numbers it was made of, then zeros: choice 0 has to be the simplest.
pub(crate) struct Dice<'d> {
    rolls: std::slice::Iter<'d, u16>,
}

impl<'d> Dice<'d> {
    pub(crate) fn new(rolls: &'d [u16]) -> Self {
        Self { rolls: rolls.iter() }
    }

    /// From 0 to `sides - 1`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.rolls.next().copied().unwrap_or(0)) % sides.max(1)
    }

    pub(crate) fn pick<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.roll(choices.len())]
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.roll(one_in) == one_in - 1
    }
}
