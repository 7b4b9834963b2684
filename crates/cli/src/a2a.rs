//! `copilotkit a2a`: looking at remote A2A agents and talking to them from a terminal.

use crate::args::{A2aCardArgs, A2aCommand, A2aSendArgs, A2aTargetArgs};
use crate::chat::questions::Wanted;
use crate::chat::{INTERRUPTED, WAITS};
use crate::terminal::CtrlC;
use crate::threads::Usage;
use anyhow::{Context as _, Result, anyhow, bail};
use copilotkit_a2a::A2aError;
use copilotkit_a2a::client::{A2aClient, Caller, KnownCard};
use copilotkit_a2a::types::{Event, Message, Part, PartContent, Role, SendMessageRequest, TaskState};
use copilotkit_protocol::{Interrupt, Json};
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue};
use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// How long an agent has to take note that nobody waits any more.
const CANCEL: Duration = Duration::from_secs(2);

/// Does what was asked for.
///
/// # Errors
/// An agent that cannot be reached or fails, a wrong command line.
pub async fn run(command: A2aCommand) -> Result<ExitCode> {
    let done = match command {
        A2aCommand::Card(args) => card(&args).await.map(|()| ExitCode::SUCCESS),
        A2aCommand::Send(args) => send(args).await,
    };
    done.map_err(|error| match error.downcast_ref() {
        Some(A2aError::Unauthorized { url, status, wanted, .. }) => anyhow!(
            "the A2A agent at {url} refused the request with status {status}: it wants {wanted}\n  \
             to mend it: add what it wants, like --header 'Authorization: Bearer TOKEN'"
        ),
        _ => error,
    })
}

fn client(target: &A2aTargetArgs, timeout: Option<Duration>) -> Result<A2aClient> {
    let mut builder = A2aClient::builder(target.url.as_str());
    for header in &target.header {
        let parsed = header.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::try_from(name.trim()).ok()?;
            Some((name, HeaderValue::try_from(value.trim()).ok()?))
        });
        // The value may be a secret: it is not shown.
        let Some((name, value)) = parsed else {
            return Err(Usage("--header: write it like 'Authorization: Bearer TOKEN'".to_owned()).into());
        };
        builder = builder.header(name, value);
    }
    for origin in &target.allow_origin {
        builder = builder.allow_origin(origin.as_str());
    }
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    builder.build().map_err(|error| Usage(error.to_string()).into())
}

async fn card(args: &A2aCardArgs) -> Result<()> {
    let client = client(&args.target, None)?;
    let mut known = client.card().await?;
    if args.extended {
        known = client.extended_card(&Caller::default()).await?;
    }
    if args.target.json {
        return print(&(serde_json::to_string_pretty(&known.card)? + "\n"));
    }
    print(&described(&known))
}

fn described(known: &KnownCard) -> String {
    let card = &known.card;
    let mut lines = vec![format!("{} {}", line(&card.name), line(&card.version)), line(&card.description)];
    if let Some(provider) = &card.provider {
        lines.push(format!("by {} ({})", line(&provider.organization), line(&provider.url)));
    }
    lines.push(format!("\ncard        {}", known.url));
    for (index, (interface, dialect)) in known.interfaces.iter().enumerate() {
        let used = if index == 0 { "spoken" } else { "also" };
        let (binding, version) = (interface.binding.as_str(), dialect.version());
        lines.push(format!("{used:<11} {binding} of A2A {version} at {}", line(&interface.url)));
    }
    let capabilities = &card.capabilities;
    let declared = [
        ("streams", capabilities.streaming),
        ("pushes", capabilities.push_notifications),
        ("has a longer card", capabilities.extended_agent_card),
    ];
    let does: Vec<_> = declared.iter().filter(|(_, it)| *it == Some(true)).map(|(name, _)| *name).collect();
    if !does.is_empty() {
        lines.push(format!("it          {}", does.join(", ")));
    }
    for extension in &capabilities.extensions {
        lines.push(format!("extension   {}", line(&extension.uri)));
    }
    for (name, scheme) in &card.security_schemes {
        lines.push(format!("wants       {} ({})", line(name), line(&scheme.to_string())));
    }
    if !card.skills.is_empty() {
        lines.push("\nskills".to_owned());
    }
    for skill in &card.skills {
        lines.push(format!("  {:<20} {}", line(&skill.name), line(&skill.description)));
    }
    lines.join("\n") + "\n"
}

async fn send(args: A2aSendArgs) -> Result<ExitCode> {
    let text = match args.message.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("the message cannot be read from stdin")?;
            text
        }
        text => text.to_owned(),
    };
    if text.trim().is_empty() {
        return Err(Usage("the message is empty".to_owned()).into());
    }
    let timeout = args.timeout;
    let client = client(&args.target, Some(timeout))?;
    let id = format!("cli-{}", std::process::id());
    let message = Message {
        task_id: args.task,
        context_id: args.context,
        ..Message::new(id, Role::User, vec![Part::text(text.trim())])
    };
    let mut talk = client.converse(SendMessageRequest { message, ..Default::default() }, Caller::default());
    let (mut shown, mut ctrl_c) = (Shown::default(), CtrlC::new());
    let told = async {
        while let Some(event) = talk.next().await {
            let event = event?;
            shown.take(&event);
            if args.target.json {
                print(&(serde_json::to_string(&event)? + "\n"))?;
            } else {
                print(&std::mem::take(&mut shown.out))?;
            }
        }
        Ok::<(), anyhow::Error>(())
    };
    let told = tokio::select! {
        told = told => Ok(told),
        () = tokio::time::sleep(timeout) => Err(None),
        () = ctrl_c.pressed() => Err(Some(ExitCode::from(INTERRUPTED))),
    };
    drop(talk);
    match told {
        Ok(told) => told?,
        Err(interrupted) => {
            if let Some(task) = &shown.task {
                let nobody = Caller::default();
                let canceled = client.cancel_task(task, &nobody);
                // Whatever it says to that, nobody waits any more.
                let _ = tokio::time::timeout(CANCEL, canceled).await;
            }
            let Some(interrupted) = interrupted else {
                bail!("the task was not done within {}", humantime::format_duration(timeout))
            };
            return Ok(interrupted);
        }
    }
    if !args.target.json {
        shown.close();
        print(&shown.out)?;
    }
    shown.end()
}

/// What was shown so far.
#[derive(Default)]
struct Shown {
    task: Option<String>,
    context: Option<String>,
    state: TaskState,
    answered: bool,
    messages: HashSet<String>,
    /// How many parts of each artifact.
    artifacts: HashMap<String, usize>,
    /// The artifact whose text ends the last line, which its next piece goes on with.
    open: Option<String>,
    out: String,
}

impl Shown {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Task(task) => {
                self.task = Some(task.id.clone());
                self.context.clone_from(&task.context_id);
                for artifact in &task.artifacts {
                    let seen = self.artifacts.get(&artifact.artifact_id).copied().unwrap_or(0);
                    self.pieces(&artifact.artifact_id, artifact.parts.get(seen..).unwrap_or_default());
                    self.artifacts.insert(artifact.artifact_id.clone(), artifact.parts.len().max(seen));
                }
                self.status(&task.status.state, task.status.message.as_ref());
            }
            Event::Message(message) => {
                self.answered = true;
                self.context.clone_from(&message.context_id);
                self.parts(&message.parts);
            }
            Event::Status(update) => {
                self.task.get_or_insert_with(|| update.task_id.clone());
                self.context = update.context_id.clone().or(self.context.take());
                self.status(&update.status.state, update.status.message.as_ref());
            }
            Event::Artifact(update) => {
                let artifact = &update.artifact;
                let seen = self.artifacts.entry(artifact.artifact_id.clone()).or_default();
                *seen = artifact.parts.len() + if update.append { *seen } else { 0 };
                if !update.append {
                    self.close();
                }
                self.pieces(&artifact.artifact_id, &artifact.parts);
                if update.last_chunk {
                    self.close();
                }
            }
            _ => {}
        }
    }

    fn status(&mut self, state: &TaskState, message: Option<&Message>) {
        self.state = state.clone();
        let Some(message) = message else { return };
        if message.message_id.is_empty() || self.messages.insert(message.message_id.clone()) {
            let word = line(state.as_str());
            self.close();
            self.out.push_str(&format!("[{word}] "));
            let said = message.parts.iter().any(|part| matches!(part.content, PartContent::Text(_)));
            for part in &message.parts {
                match &part.content {
                    // The words before it say the same to people.
                    PartContent::Data(data) if said => self.hint(data),
                    _ => self.parts(std::slice::from_ref(part)),
                }
            }
        }
    }

    /// Parts of an artifact, which may come a few words at a time.
    fn pieces(&mut self, artifact: &str, parts: &[Part]) {
        for part in parts {
            match &part.content {
                PartContent::Text(text) => {
                    if self.open.as_deref() != Some(artifact) {
                        self.close();
                        self.open = Some(artifact.to_owned());
                    }
                    self.out.push_str(&clean(text));
                }
                _ => self.parts(std::slice::from_ref(part)),
            }
        }
    }

    /// How the question that a part describes wants to be answered.
    fn hint(&mut self, question: &Json) {
        let hint = question.read::<Interrupt>().map(|question| Wanted::of(&question).hint()).unwrap_or_default();
        if !hint.is_empty() {
            self.out.push_str(&format!("{}\n", line(&hint)));
        }
    }

    /// Ends a line that was left open.
    fn close(&mut self) {
        if self.open.take().is_some() {
            self.out.push('\n');
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        self.close();
        for part in parts {
            let name = part.filename.as_deref().map(line).unwrap_or_default();
            let shown = match &part.content {
                PartContent::Text(text) => clean(text),
                PartContent::Data(data) => clean(data.get()),
                PartContent::Url(url) => format!("file {name} at {}", line(url)),
                PartContent::Raw(raw) => format!("file {name}, {} bytes as base64", raw.len()),
                PartContent::Unknown => continue,
            };
            self.out.push_str(shown.trim_end_matches('\n'));
            self.out.push('\n');
        }
    }

    fn end(&self) -> Result<ExitCode> {
        let ids = |name: &str, id: &Option<String>| id.as_deref().map(|id| format!(" --{name} {}", line(id)));
        let (task, context) = (ids("task", &self.task), ids("context", &self.context));
        if self.answered {
            return Ok(ExitCode::SUCCESS);
        }
        match &self.state {
            TaskState::Completed => Ok(ExitCode::SUCCESS),
            TaskState::InputRequired | TaskState::AuthRequired => {
                let how = [task, context].into_iter().flatten().collect::<String>();
                eprintln!("copilotkit: the agent waits for an answer; send it with{how}");
                Ok(WAITS.into())
            }
            state => bail!("the task ended as {}", line(state.as_str())),
        }
    }
}

/// Text of strangers without what would steer a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

/// The same on one line.
fn line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("the answer cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_already_is_not_shown_again() {
        let mut shown = Shown::default();
        for event in [
            r#"{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_SUBMITTED"}}}"#,
            r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING","message":{"messageId":"1","parts":[{"text":"so\u001b[31m"}]}}}}"#,
            r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"one"}]}}}"#,
            r#"{"artifactUpdate":{"artifact":{"artifactId":"a","parts":[{"text":"two"}]},"append":true}}"#,
            r#"{"task":{"id":"t","status":{"state":"TASK_STATE_INPUT_REQUIRED","message":{"messageId":"2","parts":[{"text":"Which?"}]}},"artifacts":[{"artifactId":"a","parts":[{"text":"one"},{"text":"two"},{"text":"three"}]}]}}"#,
        ] {
            shown.take(&serde_json::from_str(event).unwrap());
        }
        assert_eq!(shown.out, "[working] so[31m\nonetwothree\n[input-required] Which?\n");
        assert!(shown.end().is_ok());
        shown.state = TaskState::Failed;
        assert!(shown.end().is_err());
    }
}
