//! What pages draw surfaces from: operations of A2UI v0.9 in an activity.

use copilotkit_protocol::{ActivitySnapshot, Event, Json, Object};
use serde::Serialize;

/// The type of the activity that holds a surface.
pub const ACTIVITY: &str = "a2ui-surface";
/// The member of an activity, or of a tool's result, that holds operations.
pub const OPERATIONS: &str = "a2ui_operations";
/// The version that each operation names.
pub const VERSION: &str = "v0.9";
/// The catalog that stock pages draw.
pub const BASIC_CATALOG: &str = "https://a2ui.org/specification/v0_9/basic_catalog.json";
/// The id of the outermost component.
pub const ROOT: &str = "root";

/// One operation on a surface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_surface: Option<CreateSurface<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_components: Option<UpdateComponents<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_data_model: Option<UpdateDataModel<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateSurface<'a> {
    surface_id: &'a str,
    catalog_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateComponents<'a> {
    surface_id: &'a str,
    components: &'a Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateDataModel<'a> {
    surface_id: &'a str,
    path: &'static str,
    value: &'a Json,
}

/// A surface as a page can draw it without having seen anything of it before.
pub(super) struct Surface<'a> {
    pub(super) id: &'a str,
    pub(super) catalog: &'a str,
    pub(super) components: &'a Json,
    /// Its whole data model, as far as it is known.
    pub(super) data: Option<&'a Json>,
}

impl Surface<'_> {
    /// The operations that make it, as the content of its activity.
    pub(super) fn content(&self) -> Object {
        let none =
            || Operation { version: VERSION, create_surface: None, update_components: None, update_data_model: None };
        let surface_id = self.id;
        let mut operations = vec![
            Operation { create_surface: Some(CreateSurface { surface_id, catalog_id: self.catalog }), ..none() },
            Operation {
                update_components: Some(UpdateComponents { surface_id, components: self.components }),
                ..none()
            },
        ];
        operations.extend(self.data.map(|value| {
            let update = UpdateDataModel { surface_id, path: "/", value };
            Operation { update_data_model: Some(update), ..none() }
        }));
        content(&Json::of(&operations))
    }
}

/// The content of an activity with these operations, a list.
pub(super) fn content(operations: &Json) -> Object {
    Object::from_members([(OPERATIONS, operations)])
}

/// The activity of a surface, in place of what it was before.
pub fn snapshot(message_id: impl Into<String>, content: Object) -> Event {
    let (message_id, activity_type) = (message_id.into(), ACTIVITY.to_owned());
    ActivitySnapshot { message_id, activity_type, content, replace: Some(true), ..Default::default() }.into()
}
