//! Files: where their bytes lie, and the room.

use basalt_app::files::images::ImageOptions;
use basalt_app::files::{Files, FilesParts};
use basalt_app::{Db, MasterSecret};
use basalt_blob::{Blobs, Place};
use basalt_core::{Error, Result};
use basalt_data::collections::Collections;
use basalt_data::documents::Documents;

use crate::configuration::Configuration;
use crate::outside::Outside;

/// Below the data folder, where nothing else is said.
const FOLDER: &str = "files";

/// What the room stands on.
pub(super) struct Foundation {
    pub(super) db: Db,
    pub(super) collections: Collections,
    pub(super) documents: Documents,
    pub(super) master: MasterSecret,
}

pub(super) async fn wire(foundation: Foundation, configuration: &Configuration, outside: &Outside) -> Result<Files> {
    let blobs = Blobs::open(place(configuration, outside)?).await?;
    let Foundation { db, collections, documents, master } = foundation;
    Ok(Files::new(FilesParts { db, collections, documents, blobs, master, images: ImageOptions::default() }))
}

pub(crate) fn place(configuration: &Configuration, outside: &Outside) -> Result<Place> {
    let names = |name: &str| outside.environment.get(name).cloned();
    match &configuration.files_url {
        Some(url) => Place::parse(url.expose(), &names),
        None if configuration.database_url.is_some() && !configuration.single_node => Err(Error::internal(
            "several nodes may share a PostgreSQL database, and each would have files of its own: set filesUrl \
             (BASALT_FILES_URL=s3://…), or say singleNode (--single-node) where there is but this one",
        )),
        None => Ok(Place::Local(configuration.data.join(FOLDER))),
    }
}
