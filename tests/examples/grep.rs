//! What grep prints, found out in the simplest way: line by line, with all of a file in memory.

use regex::bytes::{Regex, RegexBuilder};

/// What a search is for, and what is printed.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) patterns: Vec<&'static str>,
    /// Options without values: the letters of those of `FLAGS`.
    pub(crate) flags: String,
    pub(crate) max_count: Option<usize>,
    pub(crate) before: Option<usize>,
    pub(crate) after: Option<usize>,
    pub(crate) is_coloured: bool,
}

/// The options without values that this knows.
pub(crate) const FLAGS: &str = "FiwxvclLqonHhaI";

/// What comes of one file.
pub(crate) struct Printed {
    /// How many lines are selected.
    pub(crate) count: usize,
    /// The selected lines, and those around them.
    pub(crate) lines: Vec<u8>,
    pub(crate) is_binary: bool,
}

/// What comes of several files.
pub(crate) struct Answer<'a> {
    pub(crate) out: Vec<u8>,
    /// The names of files of which is only said that they match.
    pub(crate) binary: Vec<&'a [u8]>,
    /// The exit status.
    pub(crate) code: i32,
}

impl Asked {
    pub(crate) fn new(flags: &str, pattern: &'static str) -> Self {
        assert!(flags.chars().all(|flag| FLAGS.contains(flag)), "{flags}");
        Self {
            patterns: vec![pattern],
            flags: flags.to_owned(),
            max_count: None,
            before: None,
            after: None,
            is_coloured: false,
        }
    }

    pub(crate) fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    pub(crate) fn has_groups(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }

    /// The options, for either program.
    pub(crate) fn options(&self) -> Vec<String> {
        let mut options: Vec<String> = self.flags.chars().map(|flag| format!("-{flag}")).collect();
        let numbers = [("-m", self.max_count), ("-A", self.after), ("-B", self.before)];
        for (option, number) in numbers {
            options.extend(number.map(|number| format!("{option}{number}")));
        }
        options.extend(self.is_coloured.then(|| "--color=always".to_owned()));
        options.extend(self.patterns.iter().flat_map(|it| ["-e".to_owned(), (*it).to_owned()]));
        options
    }

    pub(crate) fn regex(&self) -> Regex {
        let patterns = self.patterns.iter().flat_map(|pattern| pattern.split('\n'));
        let patterns = patterns.map(|pattern| match self.has('F') {
            true => regex::escape(pattern),
            false => format!("(?:{pattern})"),
        });
        let any = patterns.collect::<Vec<_>>().join("|");
        let expression = match (self.has('x'), self.has('w')) {
            (true, _) => format!("^(?:{any})$"),
            (false, true) => format!("\\b{{start-half}}(?:{any})\\b{{end-half}}"),
            (false, false) => any,
        };
        let mut builder = RegexBuilder::new(&expression);
        builder.multi_line(true).case_insensitive(self.has('i')).build().unwrap()
    }

    fn paint(&self, colour: &str, text: &[u8]) -> Vec<u8> {
        match self.is_coloured {
            true => [format!("\x1b[{colour}m\x1b[K").as_bytes(), text, b"\x1b[m\x1b[K"].concat(),
            false => text.to_vec(),
        }
    }

    fn separator(&self) -> Vec<u8> {
        [self.paint("36", b"--"), b"\n".to_vec()].concat()
    }

    /// What comes of a file with this text, of which a zero byte would be among the first.
    pub(crate) fn file(&self, regex: &Regex, name: Option<&[u8]>, text: &[u8]) -> Printed {
        let is_binary = text.contains(&0) && !self.has('a');
        if is_binary && self.has('I') {
            return Printed { count: 0, lines: Vec::new(), is_binary: false };
        }
        let mut lines: Vec<_> = text.split(|&it| it == b'\n' || is_binary && it == 0).collect();
        if lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let is_selected = |index: &usize| regex.is_match(lines[*index]) != self.has('v');
        let most = self.max_count.unwrap_or(usize::MAX);
        let selected: Vec<usize> = (0..lines.len()).filter(is_selected).take(most).collect();
        // What comes before each line that is printed.
        let mut marks = vec![None; lines.len()];
        for index in &selected {
            let begin = index.saturating_sub(self.before.unwrap_or(0));
            let end = index.saturating_add(self.after.unwrap_or(0)).min(lines.len() - 1);
            // Those that have a mark are neighbours of a line before this one.
            let unmarked = marks[begin..=end].iter_mut().rev().take_while(|mark| mark.is_none());
            unmarked.for_each(|mark| *mark = Some("-"));
        }
        selected.iter().for_each(|index| marks[*index] = Some(":"));
        let (mut printed, mut next) = (Vec::new(), None);
        for (index, mark) in marks.iter().enumerate() {
            let Some(mark) = mark else { continue };
            if next.is_some_and(|next| next != index) && self.has_groups() {
                printed.extend(self.separator());
            }
            printed.extend(self.line(regex, name, index + 1, mark, lines[index]));
            next = Some(index + 1);
        }
        let lines = if is_binary { Vec::new() } else { printed };
        Printed { count: selected.len(), lines, is_binary: is_binary && !selected.is_empty() }
    }

    fn line(
        &self,
        regex: &Regex,
        name: Option<&[u8]>,
        number: usize,
        mark: &str,
        line: &[u8],
    ) -> Vec<u8> {
        let mark = self.paint("36", mark.as_bytes());
        let is_selected = mark == self.paint("36", b":");
        let mut head = Vec::new();
        if let Some(name) = name {
            head.extend([self.paint("35", name), mark.clone()].concat());
        }
        if self.has('n') {
            head.extend([self.paint("32", number.to_string().as_bytes()), mark].concat());
        }
        let has_matches = is_selected != self.has('v');
        let matches = regex.find_iter(line).filter(|it| has_matches && !it.is_empty());
        if self.has('o') {
            let matches =
                matches.map(|it| [&*head, &self.paint("01;31", it.as_bytes()), b"\n"].concat());
            return matches.collect::<Vec<_>>().concat();
        }
        let (mut text, mut end) = (head, 0);
        for found in matches {
            text.extend_from_slice(&line[end..found.start()]);
            text.extend(self.paint("01;31", found.as_bytes()));
            end = found.end();
        }
        [&*text, &line[end..], b"\n"].concat()
    }

    /// What is printed of files with these names and texts, and the exit status.
    pub(crate) fn all<'a>(
        &self,
        files: impl ExactSizeIterator<Item = (&'a [u8], Vec<u8>)>,
    ) -> Answer<'a> {
        let has_names = match (self.has('H'), self.has('h')) {
            (false, false) => files.len() > 1,
            (has_names, _) => has_names,
        };
        let regex = self.regex();
        let (mut out, mut has_matched, mut has_printed) = (Vec::new(), false, false);
        let mut binary = Vec::new();
        for (name, text) in files {
            let printed = self.file(&regex, has_names.then_some(name), &text);
            has_matched |= printed.count > 0;
            let painted = self.paint("35", name);
            let is_named =
                self.has('l') && printed.count > 0 || self.has('L') && printed.count == 0;
            if self.has('q') {
            } else if is_named {
                out.extend([&*painted, b"\n"].concat());
            } else if self.has('l') || self.has('L') {
            } else if self.has('c') {
                if has_names {
                    out.extend([painted, self.paint("36", b":")].concat());
                }
                out.extend(format!("{}\n", printed.count).into_bytes());
            } else if printed.count > 0 {
                if has_printed && self.has_groups() && !printed.is_binary {
                    out.extend(self.separator());
                }
                if printed.is_binary {
                    binary.push(name);
                }
                has_printed = true;
                out.extend(printed.lines);
            }
        }
        Answer { out, binary, code: i32::from(!has_matched) }
    }
}
