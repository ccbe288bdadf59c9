//! Splits Rust source into words and signs. Comments and the contents of literals are dropped.

/// One word or sign, or a whole literal.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Of a literal in quotes, a quotation mark and nothing else.
    pub(super) text: String,
    pub(super) line: usize,
    /// Differs from `line` only for a literal of several lines.
    pub(super) last_line: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// True of names, keywords and numbers.
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { chars: source.chars().collect(), at: 0, line: 1 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blank();
        let line = reader.line;
        let Some(text) = reader.next_text() else { return tokens };
        tokens.push(Token { text, line, last_line: reader.line });
    }
}

/// The index of the bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    panic!("line {}: this bracket is never closed", tokens[open].line);
}

fn is_word_char(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, char)| self.peek(ahead) == Some(char))
    }

    fn advance(&mut self, count: usize) {
        for _ in 0..count {
            self.line += usize::from(self.peek(0) == Some('\n'));
            self.at += 1;
        }
    }

    fn advance_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.advance(1);
        }
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) {
        loop {
            self.advance_while(char::is_whitespace);
            if self.starts_with("//") {
                self.advance_while(|char| char != '\n');
            } else if self.starts_with("/*") {
                self.skip_block_comment();
            } else {
                return;
            }
        }
    }

    /// Block comments may contain others.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            if self.starts_with("/*") {
                depth += 1;
                self.advance(2);
            } else if self.starts_with("*/") {
                depth -= 1;
                self.advance(2);
            } else {
                self.advance(1);
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn next_text(&mut self) -> Option<String> {
        let first = self.peek(0)?;
        let start = self.at;
        if let Some(prefix) = self.prefix_of_string() {
            self.advance(prefix);
            self.skip_string();
            return Some("\"".into());
        }
        if first == '\'' && self.skip_char() {
            return Some("\"".into());
        }
        if is_word_char(first) || first == '\'' {
            let is_raw_name = self.starts_with("r#");
            self.advance(if is_raw_name { 2 } else { 1 });
            self.advance_while(is_word_char);
        } else {
            self.advance(if self.starts_with("::") { 2 } else { 1 });
        }
        Some(self.chars[start..self.at].iter().collect())
    }

    /// The number of letters before a string's hashes and quotation mark, if a string begins here.
    fn prefix_of_string(&self) -> Option<usize> {
        let prefixes = ["", "r", "b", "br", "c", "cr"];
        let length =
            prefixes.into_iter().filter(|prefix| self.starts_with(prefix)).find(|prefix| {
                let is_raw = prefix.ends_with('r');
                let hashes = (prefix.len()..).take_while(|&ahead| self.peek(ahead) == Some('#'));
                let hashes = if is_raw { hashes.count() } else { 0 };
                self.peek(prefix.len() + hashes) == Some('"')
            });
        length.map(str::len)
    }

    /// Skips a string, from its hashes or its quotation mark on.
    fn skip_string(&mut self) {
        let is_raw = self.at > 0 && self.chars[self.at - 1] == 'r';
        let start = self.at;
        self.advance_while(|char| char == '#');
        let end = format!("\"{}", "#".repeat(self.at - start));
        self.advance(1);
        while self.peek(0).is_some() && !self.starts_with(&end) {
            let is_escape = !is_raw && self.peek(0) == Some('\\');
            self.advance(if is_escape { 2 } else { 1 });
        }
        self.advance(end.len());
    }

    /// Skips a character, or returns false because this is a lifetime.
    fn skip_char(&mut self) -> bool {
        if self.peek(1) != Some('\\') && self.peek(2) != Some('\'') {
            return false;
        }
        self.advance(if self.peek(1) == Some('\\') { 3 } else { 2 });
        self.advance_while(|char| char != '\'');
        self.advance(1);
        true
    }
}
