//! Channels for those who have no connection: what is declared, what is said over HTTP, who is there.

use std::sync::Arc;

use basalt_core::{Caller, ChannelName, Code, Error, Result};
use basalt_data::channels::{Definition, Pattern};
use serde_json::Value;
use tokio::sync::oneshot;

use super::channels::declared::{self, From};
use super::channels::rights::{self, Wish};
use super::hub::Mail;
use super::{ChannelInfo, Realtime, Said};
use crate::common::Db;

impl Realtime {
    /// Says something to everybody in a channel.
    pub async fn publish(&self, caller: &Caller, channel: &ChannelName, said: Said) -> Result<()> {
        self.ask(caller, channel, Wish::Publish(said.clone())).await?;
        let (done, wait) = oneshot::channel();
        let caller = Box::new(caller.clone());
        let _ = self.0.mail.send(Mail::Say { channel: channel.clone(), said, caller, done });
        wait.await.map_err(|_| stopping())?
    }

    /// Who is shown in a channel, as far as an answer holds it, and how many there are: for who may be in it.
    pub async fn presence(&self, caller: &Caller, channel: &ChannelName) -> Result<(Vec<Value>, usize)> {
        self.ask(caller, channel, Wish::Join).await?;
        let (done, wait) = oneshot::channel();
        let _ = self.0.mail.send(Mail::WhoIsThere(channel.clone(), done));
        wait.await.map_err(|_| stopping())
    }

    async fn ask(&self, caller: &Caller, channel: &ChannelName, wish: Wish) -> Result<()> {
        rights::ask(&self.db(), &self.0.declared.get(), caller, channel, wish).await.map(drop)
    }

    /// All declared patterns, by name.
    pub async fn channels(&self, caller: &Caller) -> Result<Vec<ChannelInfo>> {
        declared::list(&self.db(), caller).await
    }

    pub async fn channel(&self, caller: &Caller, pattern: &Pattern) -> Result<ChannelInfo> {
        declared::get(&self.db(), caller, pattern).await
    }

    /// Declares a pattern or changes it; holds here at once, on other nodes within a second.
    pub async fn put_channel(&self, caller: &Caller, definition: Definition) -> Result<ChannelInfo> {
        let pattern = definition.pattern.clone();
        declared::declare(&self.db(), caller, vec![definition], From::Call).await?;
        self.reload_channels().await?;
        self.channel(caller, &pattern).await
    }

    pub async fn delete_channel(&self, caller: &Caller, pattern: &Pattern) -> Result<()> {
        declared::delete(&self.db(), caller, pattern).await?;
        self.reload_channels().await
    }

    /// Declares those of an app's manifest, and learns what is declared: before anybody is let in.
    pub async fn declare_manifest(&self, caller: &Caller, definitions: Vec<Definition>) -> Result<()> {
        if !definitions.is_empty() {
            declared::declare(&self.db(), caller, definitions, From::Manifest).await?;
        }
        self.0.declared.reload(&self.0.parts.store).await
    }

    async fn reload_channels(&self) -> Result<()> {
        self.0.declared.reload(&self.0.parts.store).await?;
        // A hub that is gone has nobody to ask about.
        let _ = self.0.mail.send(Mail::Declared(Ok(())));
        Ok(())
    }

    fn db(&self) -> Db {
        let parts = &self.0.parts;
        Db::new(parts.store.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.random))
    }
}

fn stopping() -> Error {
    Error::new(Code::Unavailable, "The server stops.")
}
