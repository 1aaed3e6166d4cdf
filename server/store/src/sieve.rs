//! What measures vectors as they are read.

use std::sync::Arc;

use basalt_core::Result;

use crate::catalog::Catalog;
use crate::driver::Sieve;
use crate::query::{self, Nearest};
use crate::sql::{Dialect, Statement};

/// Measures vectors, then asks for the documents of the nearest.
pub(crate) struct NearestSieve {
    catalog: Arc<Catalog>,
    nearest: Arc<Nearest>,
    dialect: Dialect,
    scan: Option<query::Scan>,
    pub(crate) found: Vec<(String, f64)>,
}

impl NearestSieve {
    pub(crate) fn new(catalog: Arc<Catalog>, nearest: Arc<Nearest>, dialect: Dialect) -> Self {
        let scan = Some(query::Scan::new(&nearest));
        Self { catalog, nearest, dialect, scan, found: Vec::new() }
    }
}

impl Sieve for NearestSieve {
    fn see(&mut self, id: &str, vector: &[u8]) {
        if let Some(scan) = &mut self.scan {
            scan.see(id, vector);
        }
    }

    fn then(&mut self) -> Result<Statement> {
        self.found = self.scan.take().map(query::Scan::finish).unwrap_or_default();
        query::documents_statement(&self.catalog, &self.nearest, &self.found, self.dialect)
    }
}
