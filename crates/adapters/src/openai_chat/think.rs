//! Reasoning that a server leaves inside the text, between `<think>` and `</think>`.

/// Tells reasoning from text, however the tags are cut.
#[derive(Debug, Default)]
pub(super) struct ThinkTags {
    inside: bool,
    /// What may be the beginning of a tag.
    held: String,
    /// The line breaks behind a closing tag are nobody's text.
    after_tag: bool,
}

impl ThinkTags {
    /// Takes a piece of the content; `take` is given reasoning (true) and text (false) in their order.
    pub(super) fn push(&mut self, piece: &str, mut take: impl FnMut(bool, &str)) {
        self.held.push_str(piece);
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        loop {
            if self.after_tag {
                rest = rest.trim_start_matches(['\n', '\r']);
                self.after_tag = rest.is_empty();
            }
            let tag = if self.inside { "</think>" } else { "<think>" };
            if let Some((before, behind)) = rest.split_once(tag) {
                take(self.inside, before);
                self.inside = !self.inside;
                self.after_tag = true;
                rest = behind;
                continue;
            }
            let kept = (1..tag.len()).rev().find(|&length| rest.ends_with(&tag[..length])).unwrap_or(0);
            let (sure, maybe) = rest.split_at(rest.len() - kept);
            take(self.inside, sure);
            self.held.push_str(maybe);
            return;
        }
    }

    /// The end of the answer: what was held back is no tag.
    pub(super) fn finish(&mut self, mut take: impl FnMut(bool, &str)) {
        take(self.inside, &std::mem::take(&mut self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasoning and text.
    fn split(pieces: &[&str]) -> (String, String) {
        let (mut tags, mut out) = (ThinkTags::default(), (String::new(), String::new()));
        let mut take = |inside: bool, text: &str| if inside { out.0.push_str(text) } else { out.1.push_str(text) };
        for piece in pieces {
            tags.push(piece, &mut take);
        }
        tags.finish(&mut take);
        out
    }

    #[test]
    fn tags_are_found_however_they_are_cut() {
        let text = "a <b <think>\nhm </ think> ü</think>\n\nyes <think";
        let expected = ("hm </ think> ü".to_owned(), "a <b yes <think".to_owned());
        assert_eq!(split(&[text]), expected);
        let characters: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(split(&characters.iter().map(String::as_str).collect::<Vec<_>>()), expected);
    }
}
