//! One value between a document and a column: JSON as the schema has it on one side, the column's own type on the other.

use std::error::Error;
use std::time::Duration;
use std::time::SystemTime;

use serde_json::Number;
use serde_json::Value;
use tokio_postgres::types::FromSql;
use tokio_postgres::types::IsNull;
use tokio_postgres::types::Json;
use tokio_postgres::types::ToSql;
use tokio_postgres::types::Type;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::to_sql_checked;
use uuid::Uuid;

type Failure = Box<dyn Error + Sync + Send>;

/// A value on its way into a column, whatever type that has.
#[derive(Debug)]
pub(super) struct In<'a>(pub(super) &'a Value);

impl ToSql for In<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        if self.0.is_null() {
            return Ok(IsNull::Yes);
        }
        match *ty {
            Type::BOOL => self.0.as_bool().ok_or_else(|| self.misfit(ty))?.to_sql(ty, out),
            Type::INT2 => i16::try_from(self.whole(ty)?)?.to_sql(ty, out),
            Type::INT4 => i32::try_from(self.whole(ty)?)?.to_sql(ty, out),
            Type::INT8 => self.whole(ty)?.to_sql(ty, out),
            Type::FLOAT8 => self.0.as_f64().ok_or_else(|| self.misfit(ty))?.to_sql(ty, out),
            Type::TEXT | Type::VARCHAR => self.0.as_str().ok_or_else(|| self.misfit(ty))?.to_sql(ty, out),
            Type::UUID => Uuid::try_parse(self.0.as_str().ok_or_else(|| self.misfit(ty))?)?.to_sql(ty, out),
            Type::TIMESTAMPTZ => time(self.0.as_f64().ok_or_else(|| self.misfit(ty))?)?.to_sql(ty, out),
            Type::JSON | Type::JSONB => Json(self.0).to_sql(ty, out),
            Type::TEXT_ARRAY => {
                let items = self.items(ty)?.iter().map(|item| item.as_str().ok_or_else(|| self.misfit(ty)));
                items.collect::<Result<Vec<_>, _>>()?.to_sql(ty, out)
            }
            Type::UUID_ARRAY => {
                let items = self.items(ty)?.iter().map(|item| item.as_str().ok_or_else(|| self.misfit(ty)));
                let items = items.map(|item| Ok::<_, Failure>(Uuid::try_parse(item?)?));
                items.collect::<Result<Vec<_>, _>>()?.to_sql(ty, out)
            }
            Type::JSONB_ARRAY => self.items(ty)?.iter().map(Json).collect::<Vec<_>>().to_sql(ty, out),
            _ => Err(self.misfit(ty)),
        }
    }

    fn accepts(_: &Type) -> bool {
        // What does not fit is found while it is written, where the value can be looked at.
        true
    }

    to_sql_checked!();
}

impl In<'_> {
    fn misfit(&self, ty: &Type) -> Failure {
        let kind = match self.0 {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        format!("a column of type {ty} cannot hold {kind}").into()
    }

    fn whole(&self, ty: &Type) -> Result<i64, Failure> {
        if let Some(whole) = self.0.as_i64() {
            return Ok(whole);
        }
        let float = self.0.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15);
        #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        float.map(|float| float as i64).ok_or_else(|| self.misfit(ty))
    }

    fn items(&self, ty: &Type) -> Result<&[Value], Failure> {
        match self.0 {
            Value::Array(items) => Ok(items),
            // An empty list and an empty map look the same in Lua.
            Value::Object(entries) if entries.is_empty() => Ok(&[]),
            _ => Err(self.misfit(ty)),
        }
    }
}

/// Returns seconds since 1970 as a time, to the millisecond as Kong writes it.
fn time(seconds: f64) -> Result<SystemTime, Failure> {
    let since = Duration::try_from_secs_f64(seconds)?;
    let millis = u64::try_from((since + Duration::from_micros(500)).as_millis())?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

/// A value that came out of a column.
#[derive(Debug)]
pub(super) struct Out(pub(super) Value);

impl<'a> FromSql<'a> for Out {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *ty {
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            Type::INT8 => i64::from_sql(ty, raw)?.into(),
            Type::FLOAT8 => number(f64::from_sql(ty, raw)?),
            Type::TEXT | Type::VARCHAR => String::from_sql(ty, raw)?.into(),
            Type::UUID => Uuid::from_sql(ty, raw)?.to_string().into(),
            Type::TIMESTAMPTZ => {
                let since = SystemTime::from_sql(ty, raw)?.duration_since(SystemTime::UNIX_EPOCH);
                number(since.map_or(0.0, |since| since.as_secs_f64()))
            }
            Type::JSON | Type::JSONB => Value::from_sql(ty, raw)?,
            Type::TEXT_ARRAY => Vec::<String>::from_sql(ty, raw)?.into(),
            Type::UUID_ARRAY => Vec::<Uuid>::from_sql(ty, raw)?.iter().map(Uuid::to_string).collect(),
            Type::JSONB_ARRAY => Vec::<Value>::from_sql(ty, raw)?.into(),
            _ => return Err(format!("a column of type {ty} is not known").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Returns a number that is whole as an integer, as JSON writes it.
fn number(float: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    if float.fract() == 0.0 && float.abs() < 9e15 {
        return (float as i64).into();
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn goes_there_and_back() {
        for (ty, value) in [
            (Type::BOOL, json!(true)),
            (Type::INT2, json!(-3)),
            (Type::INT4, json!(70_000)),
            (Type::INT8, json!(5_000_000_000_i64)),
            (Type::TEXT, json!("ü \" ' \\")),
            (Type::UUID, json!("0d3b3516-b608-4b95-8f06-56ea195c50c8")),
            (Type::TIMESTAMPTZ, json!(1_795_216_007)),
            (Type::TIMESTAMPTZ, json!(1_795_216_007.329)),
            (Type::JSONB, json!({"a": [null, 1.5, {"b": {}}]})),
            (Type::TEXT_ARRAY, json!(["a", "b,c", "{}"])),
            (Type::TEXT_ARRAY, json!([])),
            (Type::UUID_ARRAY, json!(["0d3b3516-b608-4b95-8f06-56ea195c50c8"])),
            (Type::JSONB_ARRAY, json!([{"ip": "127.0.0.1", "port": null}])),
        ] {
            let mut bytes = BytesMut::new();
            assert!(matches!(In(&value).to_sql(&ty, &mut bytes).unwrap(), IsNull::No));
            assert_eq!(Out::from_sql(&ty, &bytes).unwrap().0, value, "{ty}");
        }
        assert!(In(&json!("x")).to_sql(&Type::INT4, &mut BytesMut::new()).is_err());
        assert!(In(&json!(1.5)).to_sql(&Type::INT4, &mut BytesMut::new()).is_err());
        assert!(In(&json!("x")).to_sql(&Type::UUID, &mut BytesMut::new()).is_err());
    }
}
