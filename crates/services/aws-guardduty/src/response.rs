//! What GuardDuty answered, byte for byte: the SDK reads it into types, and what those leave out would be lost.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_guardduty::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef},
    error::BoxError,
};

/// Keeps the body of the one response that it sees. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeepBody(Arc<Mutex<Vec<u8>>>);

impl KeepBody {
    /// The body.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for KeepBody {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().ok_or("a response that is not in memory")?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}
