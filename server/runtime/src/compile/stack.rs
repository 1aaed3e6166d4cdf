//! Stacks in the places of the deployed sources.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Code;

/// Lines of a stack that are kept. The engine writes ten, but code may write as many as it likes.
const LINES: usize = 50;

/// Translates the places (`functions/a.ts:3:14`) of a stack as the engine wrote it.
pub fn original_stack(code: &Code, stack: &str) -> String {
    let Code::Script { maps, .. } = code else {
        return stack.to_owned();
    };
    // One frame after the other; what isn't one (a message) stays.
    let lines = stack.lines().filter(|line| !is_ours(line)).take(LINES);
    lines.map(|line| frame(maps, line)).collect::<Vec<_>>().join("\n")
}

/// A frame of the prelude, or of the call by which it reaches the function: nobody's fault is there.
fn is_ours(line: &str) -> bool {
    line.contains("(basalt:internal/") || line.trim() == "at apply (native)"
}

fn frame(maps: &BTreeMap<String, String>, line: &str) -> String {
    let place = line.rfind(['(', ' ']).map_or(0, |at| at + 1);
    let (before, rest) = line.split_at(place);
    let (inside, after) = rest.strip_suffix(')').map_or((rest, ""), |inside| (inside, ")"));
    let translated = || {
        let mut parts = inside.rsplitn(3, ':');
        let (column, row, path) = (parts.next()?, parts.next()?, parts.next()?);
        let map: Map = serde_json::from_str(maps.get(path)?).ok()?;
        let (row, column) = original(&map.mappings, row.parse().ok()?, column.parse().ok()?)?;
        Some(format!("{before}{path}:{row}:{column}{after}"))
    };
    translated().unwrap_or_else(|| line.to_owned())
}

#[derive(Deserialize)]
struct Map {
    mappings: String,
}

/// Line and column of the source for those of what runs, all counted from 1. The format is ECMA-426 (source map v3):
/// lines by `;`, segments by `,`, each up to five numbers in base 64 VLQ, as differences to the ones before.
fn original(mappings: &str, line: usize, column: usize) -> Option<(i64, i64)> {
    let wanted = i64::try_from(column).ok()? - 1;
    let (mut row, mut place) = (0, 0);
    let mut best = None;
    for (number, segments) in mappings.split(';').enumerate().take(line) {
        let mut generated = 0;
        for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
            let fields = numbers(segment)?;
            generated += fields.first()?;
            if let [_, _, down, right, ..] = fields[..] {
                row += down;
                place += right;
                if number + 1 == line && (generated <= wanted || best.is_none()) {
                    best = Some((row + 1, place + 1));
                }
            }
        }
    }
    best
}

fn numbers(segment: &str) -> Option<Vec<i64>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut all, mut value, mut shift) = (Vec::with_capacity(5), 0_i64, 0_u32);
    for byte in segment.bytes() {
        let digit = i64::try_from(DIGITS.iter().position(|d| *d == byte)?).ok()?;
        value |= (digit & 31).checked_shl(shift).filter(|_| shift < 40)?;
        if digit & 32 != 0 {
            shift += 5;
            continue;
        }
        all.push(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
        (value, shift) = (0, 0);
    }
    Some(all)
}
