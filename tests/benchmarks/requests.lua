-- The requests of one run of wrk: "wrk -s requests.lua URL -- KIND TOKEN NAMES IDS RUN [GROUP]".
-- NAMES and IDS are files with a line for each user that is there; RUN makes new values unique.

local content_type = "application/scim+json"
local patch_schema = '"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]'
local user_schema = '"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]'
local count = 0

local function lines(path)
  local found = {}
  for line in io.lines(path) do
    found[#found + 1] = line
  end
  return found
end

local kinds = {}

function kinds.constant_get()
  return wrk.format("GET", base .. "/Users?filter=userName+eq+%22user-1%40contoso.example%22")
end

function kinds.filter()
  local name = names[math.random(#names)]:gsub("@", "%%40")
  return wrk.format("GET", base .. "/Users?filter=userName+eq+%22" .. name .. "%22")
end

function kinds.create()
  local name = run .. "-" .. count
  local body = string.format(
    '{%s,"externalId":"%s","userName":"%s@contoso.example","active":true,"displayName":"Ada %s",'
      .. '"name":{"givenName":"Ada","familyName":"Lovelace"},'
      .. '"emails":[{"type":"work","value":"%s@contoso.example","primary":true}]}',
    user_schema, name, name, name, name)
  return wrk.format("POST", base .. "/Users", nil, body)
end

function kinds.patch()
  local value = run .. "-" .. count
  local body = string.format(
    '{%s,"Operations":[{"op":"Replace","path":"displayName","value":"Ada %s"},'
      .. '{"op":"Replace","path":"title","value":"Countess %s"},'
      .. '{"op":"Replace","path":"name.givenName","value":"Ada %s"},'
      .. '{"op":"Add","path":"emails[type eq \\"work\\"].value","value":"%s@contoso.example"}]}',
    patch_schema, value, value, value, value)
  return wrk.format("PATCH", base .. "/Users/" .. ids[math.random(#ids)], nil, body)
end

-- A member is added and, by the next request, removed: the group keeps its size.
function kinds.member()
  local id = ids[1 + math.floor(count / 2) % #ids]
  local operation = count % 2 == 0
      and string.format('{"op":"Add","path":"members","value":[{"value":"%s"}]}', id)
      or string.format('{"op":"Remove","path":"members","value":[{"value":"%s"}]}', id)
  local body = string.format('{%s,"Operations":[%s]}', patch_schema, operation)
  return wrk.format("PATCH", base .. "/Groups/" .. group, nil, body)
end

function init(args)
  base = wrk.path
  kind, names, ids, run, group = kinds[args[1]], lines(args[3]), lines(args[4]), args[5], args[6]
  wrk.headers["Authorization"] = "Bearer " .. args[2]
  wrk.headers["Content-Type"] = content_type
  math.randomseed(1)
end

function request()
  count = count + 1
  return kind()
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50":%f,"p99":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
