//! Which modules an instance finds: those of its code, by their full names, and no others.

use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result};

use super::bytecode;
use crate::wire::Bundle;

/// Of an instance. `basalt:functions` is in the context already, so nobody asks for it here.
pub(super) struct Known(pub(super) Rc<Bundle>);

impl Resolver for Known {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if name == crate::compile::FUNCTIONS || self.0.module(name).is_some() {
            return Ok(name.to_owned());
        }
        Err(Error::new_resolving(base, name))
    }
}

impl Loader for Known {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let code = self.0.module(name).ok_or_else(|| Error::new_loading(name))?;
        bytecode::load(ctx, code)
    }
}

/// While modules are compiled, each alone: the others are empty.
pub(super) struct Anything;

impl Resolver for Anything {
    fn resolve<'js>(&mut self, _: &Ctx<'js>, _: &str, name: &str, _: Option<ImportAttributes<'js>>) -> Result<String> {
        Ok(name.to_owned())
    }
}

impl Loader for Anything {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        Module::declare(ctx.clone(), name, "")
    }
}
