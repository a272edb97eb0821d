//! Why a request does not get the upstream's answer. Everything that ends a request early is one of these, and
//! [`Answers::stop`] alone makes responses of them.

use gibbon_net::ClientError;
use gibbon_sdk::Cx;
use gibbon_sdk::Reply;
use gibbon_sdk::Source;
use gibbon_sdk::http::Headers;

use crate::answer::Answers;

/// The end of a request, short of an answer of the upstream.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A plugin, or a rule of the gateway, answers.
    Reply(Box<Reply>),
    /// One of nginx's error pages, before the upstream was asked.
    Page(u16),
    /// One of nginx's error pages, after asking the upstream failed.
    Failed(u16),
    /// The client has gone; nobody is left to answer.
    Gone,
}

impl Stop {
    /// Returns the end of a request whose body could not be read on its way to the upstream.
    pub(crate) fn client(error: &ClientError) -> Self {
        match error {
            ClientError::Gone | ClientError::Broken(_) => Self::Gone,
            ClientError::Timeout | ClientError::SendTimeout => Self::Failed(408),
            ClientError::TooLarge => Self::Failed(413),
            ClientError::Body(_) => Self::Failed(400),
        }
    }
}

impl From<Box<Reply>> for Stop {
    fn from(reply: Box<Reply>) -> Self {
        Self::Reply(reply)
    }
}

impl From<Reply> for Stop {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// What becomes of a request that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The response stands.
    Answer,
    /// The response stands, and the connection closes after it.
    AnswerAndClose,
    /// There is nobody to answer; logged as 499, nginx's number for it.
    Gone,
}

impl Answers {
    /// Makes the response of a request that was stopped; `heard` holds the headers of one whose head did not parse.
    pub(crate) fn stop(&self, cx: &mut Cx<'_>, stop: Stop, heard: Option<&Headers>) -> Stopped {
        let (status, source) = match stop {
            Stop::Reply(reply) => {
                self.reply(cx, *reply);
                return Stopped::Answer;
            }
            Stop::Page(status) => (status, Source::Gateway),
            Stop::Failed(status) => (status, Source::FailedTry),
            Stop::Gone => (499, Source::FailedTry),
        };
        cx.response.source = Some(source);
        if status == 499 {
            cx.response.head.status = crate::answer::status_of(status);
            return Stopped::Gone;
        }
        self.page(cx, status, heard);
        // Source: nginx, ngx_http_special_response: the framing of these requests is not trusted any more.
        match status {
            400 | 408 | 413 | 414 | 494 | 501 | 505 => Stopped::AnswerAndClose,
            _ => Stopped::Answer,
        }
    }
}
