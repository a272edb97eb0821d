//! From the text of an expression to its tree. Depth is bounded, so that no text exhausts the stack.

use super::{Comparison, Expression, Fault, Function, Method};
use crate::request_transformer::value::{Part, Value};

/// How deep expressions may nest.
const DEPTH: usize = 64;

/// Parses all of `text`.
pub(super) fn expression(text: &str) -> Result<Expression, Fault> {
    let mut parser = Parser { rest: text.trim_start(), depth: 0 };
    let parsed = parser.or()?;
    if parser.rest.is_empty() { Ok(parsed) } else { Err(parser.unexpected()) }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn unexpected(&self) -> Fault {
        match self.rest {
            "" => Fault("the expression breaks off".to_owned()),
            rest => Fault(format!("`{rest}` is not understood")),
        }
    }

    /// Takes a sign if it comes next.
    fn sign(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes a word of letters, digits and underscores that does not begin with a digit.
    fn word(&mut self) -> Option<&'t str> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = self.rest[end..].trim_start();
        Some(word)
    }

    /// Takes this word if it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        if self.word() == Some(keyword) {
            return true;
        }
        self.rest = before;
        false
    }

    fn or(&mut self) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Fault("the expression nests too deep".to_owned()));
        }
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Fault> {
        let mut left = self.comparison()?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("~=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let mut left = self.join()?;
        while let Some((_, comparison)) = SIGNS.iter().find(|(sign, _)| self.sign(sign)) {
            left = Expression::Compare(*comparison, Box::new(left), Box::new(self.join()?));
        }
        Ok(left)
    }

    fn join(&mut self) -> Result<Expression, Fault> {
        let mut left = self.unary()?;
        while self.sign("..") {
            left = Expression::Join(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        let (mut nots, mut negatives) = (0, 0);
        loop {
            if self.keyword("not") {
                nots += 1;
            } else if self.sign("-") {
                negatives += 1;
            } else {
                break;
            }
        }
        let mut inner = self.postfix()?;
        for _ in 0..negatives {
            inner = Expression::Negative(Box::new(inner));
        }
        for _ in 0..nots {
            inner = Expression::Not(Box::new(inner));
        }
        Ok(inner)
    }

    fn postfix(&mut self) -> Result<Expression, Fault> {
        let mut of = self.value()?;
        loop {
            if self.rest.starts_with("..") {
                return Ok(of);
            } else if self.sign(".") {
                let name = self.word().ok_or_else(|| self.unexpected())?;
                of = Expression::Index(Box::new(of), Box::new(Expression::Value(Value::Text(name.into()))));
            } else if self.sign("[") {
                let at = self.or()?;
                self.expect("]")?;
                of = Expression::Index(Box::new(of), Box::new(at));
            } else if self.sign(":") {
                let method = match self.word() {
                    Some("upper") => Method::Upper,
                    Some("lower") => Method::Lower,
                    Some("len") => Method::Len,
                    Some("sub") => Method::Sub,
                    other => return Err(Fault(format!("there is no method `{}`", other.unwrap_or_default()))),
                };
                of = Expression::Method(Box::new(of), method, self.arguments()?);
            } else {
                return Ok(of);
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, Fault> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.sign(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.or()?);
        }
        Ok(arguments)
    }

    fn value(&mut self) -> Result<Expression, Fault> {
        if self.sign("(") {
            let inner = self.or()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some(quote @ ('"' | '\'')) = self.rest.chars().next() {
            return self.text(quote);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
            let number = self.rest[..end].parse().map_err(|_| self.unexpected())?;
            self.rest = self.rest[end..].trim_start();
            return Ok(Expression::Value(Value::Number(number)));
        }
        let before = self.rest;
        let function = match self.word() {
            Some("true") => return Ok(Expression::Value(Value::Boolean(true))),
            Some("false") => return Ok(Expression::Value(Value::Boolean(false))),
            Some("nil") => return Ok(Expression::Value(Value::Nil)),
            Some("headers") => return Ok(Expression::Value(Value::Part(Part::Headers))),
            Some("query_params") => return Ok(Expression::Value(Value::Part(Part::QueryParams))),
            Some("uri_captures") => return Ok(Expression::Value(Value::Part(Part::UriCaptures))),
            Some("shared") => return Ok(Expression::Value(Value::Part(Part::Shared))),
            Some("type") => Function::Type,
            Some("tostring") => Function::ToString,
            _ => {
                self.rest = before;
                return Err(self.unexpected());
            }
        };
        let mut arguments = self.arguments()?;
        match (arguments.pop(), arguments.is_empty()) {
            (Some(argument), true) => Ok(Expression::Call(function, Box::new(argument))),
            _ => Err(Fault("a function takes one argument".to_owned())),
        }
    }

    /// Takes a quoted text; a backslash keeps the next character.
    fn text(&mut self, quote: char) -> Result<Expression, Fault> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, kept)| if kept == 'n' { '\n' } else { kept })),
                c if c == quote => {
                    self.rest = self.rest[at + 1..].trim_start();
                    return Ok(Expression::Value(Value::Text(text.into_bytes())));
                }
                c => text.push(c),
            }
        }
        Err(Fault("a text is not closed".to_owned()))
    }
}
