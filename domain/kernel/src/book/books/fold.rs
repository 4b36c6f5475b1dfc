//! Folding: what others have decided is applied, and is to be saved at once.

use uuid::Uuid;

use super::{Books, change::Indexed};
use crate::{Kind, Malformed, Recorded, Rejection, State, Tenant, book::storage::Slot};

impl Books {
    /// Applies the events of an entry that was admitted elsewhere, and shows each aggregate as it stands then. Nothing that
    /// was decided here may be open.
    ///
    /// # Errors
    /// When an event does not fit what is there: a defect, or a journal of other code. Then these books are of no use.
    pub fn fold(
        &mut self,
        tenant: Tenant,
        events: Vec<Recorded>,
        entry: u64,
        mut show: impl FnMut(&'static dyn Kind, Uuid, &State),
    ) -> Result<(), Malformed> {
        for event in events {
            let (kind, id) = (event.kind, event.id);
            let state = self.fold_one(tenant, event, entry).map_err(|rejection| Malformed {
                at: rejection.message,
                expected: "an event that fits the book",
                found: rejection.code,
            })?;
            show(kind, id, &state);
        }
        Ok(())
    }

    fn fold_one(&mut self, tenant: Tenant, event: Recorded, entry: u64) -> Result<State, Rejection> {
        let at = self.address(tenant, event.kind, event.id)?;
        // Changed where it lies: to copy every state for every event would be half of the work.
        let (had, before, version) = match self.slots.admitted_mut(&at) {
            Some(slot) => {
                let had = Indexed::of(event.kind, &slot.state);
                (had, Some(std::mem::replace(&mut slot.state, self.nothing.clone())), slot.version)
            }
            None => match self.load(&at) {
                Some(slot) => (Indexed::of(event.kind, &slot.state), Some(slot.state), slot.version),
                None => (Indexed::default(), None, 0),
            },
        };
        let state = event
            .kind
            .evolve(before, event.event, event.body)
            .map_err(|error| Rejection::unprocessable("MALFORMED_EVENT", error.to_string()))?;
        let state = event.kind.settle(state);
        let indexes = self.indexes(at, had, Indexed::of(event.kind, &state))?;
        let (_, place, id) = at;
        for (unique, is) in indexes.unique {
            self.unique.put_admitted((tenant, place, unique), is.then_some(id));
        }
        for ((field, to), is) in indexes.references {
            self.references.put_admitted((tenant, place, field, to, id), is);
        }
        if let Some((_, number)) = indexes.number {
            self.numbers.put_admitted((tenant, place), number);
        }
        if let Some((_, count)) = indexes.count {
            self.counts.put_admitted((tenant, place), count);
        }
        let shown = state.clone();
        self.slots.put_admitted(at, Slot { state, version: version + 1, number: entry });
        Ok(shown)
    }
}
