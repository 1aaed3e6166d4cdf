//! Reading a great many rows without keeping them: they are shown one by one, and what is read of them in the same
//! snapshot is decided by what was seen.

use basalt_core::Result;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::error::{is_lost, map};
use super::{BEGIN_READ, Postgres, value};
use crate::driver::Sieve;
use crate::sql::{Row, Statement};

impl Postgres {
    pub(crate) async fn sift<S: Sieve>(&self, select: &Statement, mut sieve: S) -> Result<(S, Vec<Row>)> {
        let (mut broken, mut seen) = (0, false);
        loop {
            let mut connection = self.core.connections.acquire().await?;
            match Self::try_sift(&mut connection, select, &mut sieve, &mut seen).await {
                // As in `read`; what was seen once isn't shown again.
                Err(error) if is_lost(&error) && !seen && broken < self.core.connections.count() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => {
                    let rows = result.map_err(|error| map(&error))??;
                    self.core.connections.give_back(connection);
                    return Ok((sieve, rows));
                }
            }
        }
    }

    async fn try_sift(
        connection: &mut PgConnection,
        select: &Statement,
        sieve: &mut impl Sieve,
        seen: &mut bool,
    ) -> sqlx::Result<Result<Vec<Row>>> {
        let mut transaction = connection.begin_with(BEGIN_READ).await?;
        let see = |id: &str, bytes: &[u8]| {
            *seen = true;
            sieve.see(id, bytes);
        };
        value::each(&mut transaction, select, see).await?;
        let then = match sieve.then() {
            Ok(then) => then,
            Err(error) => return Ok(Err(error)),
        };
        let rows = value::rows(&value::run(&mut transaction, &then).await?);
        transaction.commit().await?;
        Ok(rows)
    }
}
