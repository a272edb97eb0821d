//! Texts with `$(expression)` in them, as Kong's templates write them. A `$(` without its closing parenthesis is text.

use std::borrow::Cow;

use gibbon_sdk::Cx;

use super::expression::{Expression, Fault};

/// A compiled template.
pub(super) struct Template {
    pieces: Vec<Piece>,
}

enum Piece {
    Text(Vec<u8>),
    Expression(Expression),
    /// An expression that is none: rendering it fails, as it does in Kong.
    Broken(Fault),
}

impl Template {
    pub(super) fn compile(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            let Some(end) = closing(&rest[at + 1..]) else { break };
            let inner = &rest[at + 2..at + 1 + end];
            pieces.push(Piece::Text(rest[..at].into()));
            pieces.push(match Expression::parse(inner) {
                Ok(expression) => Piece::Expression(expression),
                Err(fault) => {
                    tracing::warn!(template = text, %fault, "request-transformer: a template cannot be rendered");
                    Piece::Broken(fault)
                }
            });
            rest = &rest[at + end + 2..];
        }
        pieces.push(Piece::Text(rest.into()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Self { pieces }
    }

    /// Returns whether rendering runs an expression.
    pub(super) fn is_dynamic(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)))
    }

    /// Renders over a request; nil is the empty text.
    pub(super) fn render<'t>(&'t self, cx: &Cx<'_>) -> Result<Cow<'t, [u8]>, Fault> {
        if let [Piece::Text(text)] = self.pieces.as_slice() {
            return Ok(Cow::Borrowed(text));
        }
        let mut out = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Expression(expression) => out.extend_from_slice(&expression.evaluate(cx)?.into_text()?),
                Piece::Broken(fault) => return Err(fault.clone()),
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// Returns where the parenthesis that opens `text` is closed, counting nested ones.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
