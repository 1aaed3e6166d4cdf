//! What one evaluation may cost.

use basalt_core::limits::EXPRESSION_STEPS;

/// The steps that are left. One is a node; what works on long values takes more.
pub(crate) struct Steps(u32);

/// No step was left: the evaluation ends, whatever stands beside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exhausted;

impl Steps {
    pub(crate) fn new() -> Self {
        Self(EXPRESSION_STEPS)
    }

    pub(crate) fn take(&mut self, steps: usize) -> Result<(), Exhausted> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.0 = self.0.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }

    /// For work on so many bytes of text.
    pub(crate) fn take_for_text(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.take(bytes / 4096)
    }

    /// For work on so many elements of a list.
    pub(crate) fn take_for_list(&mut self, elements: usize) -> Result<(), Exhausted> {
        self.take(elements / 256)
    }
}
