//! State of a request that belongs to one plugin. Typed; made on first use; gone with the request.

use std::any::{Any, TypeId};

use smallvec::SmallVec;

/// The per-request state of plugins, found by its type.
#[derive(Default)]
pub struct Slots {
    filled: SmallVec<[(TypeId, Box<dyn Any>); 4]>,
}

impl Slots {
    /// Returns the state of type `T`, made by default if it was not there. Allocates when it is made.
    pub fn of<T: Default + 'static>(&mut self) -> &mut T {
        let id = TypeId::of::<T>();
        let at = match self.filled.iter().position(|(held, _)| *held == id) {
            Some(at) => at,
            None => {
                self.filled.push((id, Box::<T>::default()));
                self.filled.len() - 1
            }
        };
        self.filled[at].1.downcast_mut().expect("invariant: a slot holds the type it is filed under")
    }

    /// Returns the state of type `T` if some phase has made it.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.filled.iter().find(|(held, _)| *held == id).and_then(|(_, state)| state.downcast_ref())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.filled.clear();
    }
}
