//! Recorded and synthetic streams of many services, and what codecs make of them.

use bytes::Bytes;
use copilotkit_adapters::dialect::{Codec, CodecOptions};
use copilotkit_adapters::{Api, Profile};
use copilotkit_protocol::sse;
use copilotkit_runtime::model::ModelErrorKind;
use copilotkit_runtime::{ModelError, ModelEvent};
use std::path::{Path, PathBuf};

/// What became of a stream: its events, and the error that ended it.
pub type Outcome = (Vec<ModelEvent>, Option<ModelError>);

/// One stream.
pub struct Stream {
    /// `folder/name`.
    pub name: String,
    /// The service, by the name of its profile.
    pub provider: &'static str,
    /// The dialect.
    pub api: Api,
    /// What came over the wire.
    pub bytes: Vec<u8>,
}

const FOLDERS: &[(&str, &str, Api)] = &[
    ("openai-chat", "openai", Api::Chat),
    ("compat", "custom", Api::Chat),
    ("deepseek", "deepseek", Api::Chat),
    ("groq", "groq", Api::Chat),
    ("mistral", "mistral", Api::Chat),
    ("openai-responses", "openai", Api::Responses),
    ("anthropic", "anthropic", Api::Messages),
    ("gemini", "google", Api::Gemini),
    ("bedrock", "bedrock", Api::Converse),
];

/// Where the data is.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/data/llm")
}

fn is_built(api: Api) -> bool {
    api != Api::Converse || cfg!(feature = "bedrock")
}

/// Every stream of a dialect that this build speaks.
pub fn streams() -> Vec<Stream> {
    let mut streams = Vec::new();
    for &(folder, provider, api) in FOLDERS.iter().filter(|row| is_built(row.2)) {
        for entry in std::fs::read_dir(data().join(folder)).expect(folder) {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|extension| extension == "sse" || extension == "bin") {
                let name = path.file_stem().expect("name").to_string_lossy();
                let provider = if name.starts_with("openrouter") { "openrouter" } else { provider };
                let bytes = std::fs::read(&path).expect("stream");
                streams.push(Stream { name: format!("{folder}/{name}"), provider, api, bytes });
            }
        }
    }
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    streams
}

/// The codec of a dialect.
pub fn codec(provider: &str, api: Api) -> Box<dyn Codec> {
    let options = CodecOptions {
        provider: provider.into(),
        model: "m".into(),
        id_prefix: "minted_".into(),
        quirks: Profile::named(provider).expect(provider).quirks,
        think_tags: false,
    };
    match api {
        Api::Chat => Box::new(copilotkit_adapters::openai_chat::ChatCodec::new(options)),
        Api::Responses => Box::new(copilotkit_adapters::openai_responses::ResponsesCodec::new(options)),
        Api::Messages => Box::new(copilotkit_adapters::anthropic::MessagesCodec::new(options)),
        Api::Gemini => Box::new(copilotkit_adapters::gemini::GeminiCodec::new(options)),
        #[cfg(feature = "bedrock")]
        Api::Converse => Box::new(copilotkit_adapters::bedrock::ConverseCodec::new(options)),
        other => panic!("{other:?}"),
    }
}

/// Payloads of an answer, cut out of bytes.
pub enum Framing {
    /// Server-sent events.
    Sse(sse::Decoder),
    /// AWS's event stream.
    #[cfg(feature = "bedrock")]
    Frames(copilotkit_adapters::bedrock::Frames),
}

impl Framing {
    /// The one of a dialect.
    pub fn new(api: Api, limit: usize) -> Self {
        match api {
            #[cfg(feature = "bedrock")]
            Api::Converse => Self::Frames(copilotkit_adapters::bedrock::Frames::new(limit)),
            _ => Self::Sse(sse::Decoder::new(limit)),
        }
    }

    /// Adds what came.
    pub fn push(&mut self, piece: &[u8]) {
        match self {
            Self::Sse(decoder) => decoder.push(Bytes::copy_from_slice(piece)),
            #[cfg(feature = "bedrock")]
            Self::Frames(frames) => frames.push(piece),
        }
    }

    /// The next name and payload.
    pub fn next(&mut self, at_end: bool) -> Option<Result<(Bytes, Bytes), ModelError>> {
        match self {
            Self::Sse(decoder) => {
                let event = if at_end { decoder.finish() } else { decoder.next() }?;
                let protocol = |cause: sse::SseError| ModelError::new(ModelErrorKind::Protocol, cause.to_string());
                Some(event.map(|event| (event.event.unwrap_or_default(), event.data)).map_err(protocol))
            }
            #[cfg(feature = "bedrock")]
            Self::Frames(frames) => frames.next(at_end),
        }
    }
}

/// What a codec makes of these pieces.
pub fn decode<'a>(provider: &str, api: Api, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framing = Framing::new(api, 1 << 20);
    let mut codec = codec(provider, api);
    let mut out = Vec::new();
    let mut pieces = pieces.into_iter();
    loop {
        let piece = pieces.next();
        if let Some(piece) = piece {
            framing.push(piece);
        }
        while let Some(event) = framing.next(piece.is_none()) {
            let result = event.and_then(|(name, data)| {
                codec.on_event(std::str::from_utf8(&name).unwrap_or_default(), &data, &mut out)
            });
            if let Err(error) = result {
                return (out, Some(error));
            }
        }
        if piece.is_none() {
            let error = codec.finish(&mut out).err();
            return (out, error);
        }
    }
}
