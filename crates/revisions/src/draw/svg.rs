//! The picture for a browser: one file, no script, readable on light and on dark.

use std::collections::HashMap;

use super::caption;
use super::lanes::rows;
use crate::History;

const ROW: usize = 28;
const LANE: usize = 22;
const MARGIN: usize = 20;

/// A history as SVG.
pub fn svg(history: &History) -> String {
    let rows = rows(history);
    let graph = history.graph();
    let lanes = rows.iter().map(|row| row.lanes_before + row.opens).max().unwrap_or(1);
    let captions: Vec<String> =
        rows.iter().map(|row| caption(history, &history.revisions()[row.node])).collect();
    let longest = captions.iter().map(|caption| caption.chars().count()).max().unwrap_or_default();
    let (text_x, height) = (MARGIN + (lanes + 1) * LANE, MARGIN * 2 + rows.len() * ROW);
    let width = text_x + MARGIN + longest * 8;
    let place: HashMap<usize, (usize, usize)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.node, (MARGIN + row.lane * LANE, MARGIN + at * ROW)))
        .collect();
    let (mut edges, mut nodes) = (String::new(), String::new());
    for (row, caption) in rows.iter().zip(&captions) {
        let from = place[&row.node];
        for &parent in graph.down(row.node) {
            edges.push_str(&edge(from, place[&parent]));
        }
        for &need in graph.depends(row.node) {
            edges.push_str(&dependency(from, place[&need]));
        }
        let (x, y) = from;
        nodes.push_str(&format!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"5\"/><text x=\"{text_x}\" y=\"{}\">{}</text>\n",
            y + 4,
            escape(caption)
        ));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"monospace\" font-size=\"13\">\n<style>text,circle{{fill:#444}}\
         path{{stroke:#888;stroke-width:2;fill:none}}@media(prefers-color-scheme:dark){{text,circle{{fill:#ddd}}}}\
         </style>\n{edges}{nodes}</svg>\n"
    )
}

/// Straight down in a lane, a curve between two.
fn edge((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    let bend = ROW.min(y1.abs_diff(y2));
    format!("<path d=\"M{x1} {y1}C{x1} {} {x2} {} {x2} {y2}\"/>\n", y1 + bend, y2.saturating_sub(bend))
}

/// Dashed, in an arc that leaves the lanes.
fn dependency((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    let x = x1.max(x2) + LANE;
    format!("<path d=\"M{x1} {y1}C{x} {y1} {x} {y2} {x2} {y2}\" stroke-dasharray=\"4 3\"/>\n")
}

fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // XML has no way to write these at all.
    escaped.chars().filter(|c| !c.is_control()).collect()
}
