-- What every move shares: its request, its keys, the clock, its reply. These files stand before each script when it is
-- loaded, in the order of their numbers. KEYS[1] is the model's prefix, `{prefix:model}`, so that all keys share a slot.
-- ARGV[1] is the request: a JSON object, whose names each script lists at its head. What is binary follows it.
-- Times are milliseconds, orders microseconds.
local request = cjson.decode(ARGV[1])

local function key(name) return KEYS[1] .. ':' .. name end
local function record_key(id) return KEYS[1] .. ':record:' .. id end
local function claim_key(id) return KEYS[1] .. ':claim:' .. id end
local function worker_key(name) return KEYS[1] .. ':worker:' .. name end

local META = key('meta')
local WAITING, RUNNING, RETRY = key('waiting'), key('running'), key('retry')
local OUTSTANDING, SUSPECTS = key('outstanding'), key('suspects')
local STARTS_BY, ENDED, DEAD, TOMBS = key('starts_by'), key('ended'), key('dead'), key('tombs')
local WORKERS = key('workers')
local IS_OUTSTANDING = {waiting = true, running = true, retry = true}
local HOUR_MS, DAY_MS = 3600000, 86400000

local clock = redis.call('TIME')
local offset_ms = request.clock_offset_ms or 0 -- for tests alone
local now_us = tonumber(clock[1]) * 1000000 + tonumber(clock[2]) + offset_ms * 1000
local now = math.floor(now_us / 1000)

-- The reply: a flat list of names and values, with the store's time. A nil is left out, a false arrives as one.
local function reply(fields)
  local out = {'now', now}
  for name, value in pairs(fields) do out[#out + 1], out[#out + 2] = name, value end
  return out
end

-- What a record, or another hash, has of these fields: a flat list of names and values.
local function read(key, fields)
  local values, out = redis.call('HMGET', key, unpack(fields)), {}
  for i, name in ipairs(fields) do
    if values[i] and values[i] ~= '' then out[#out + 1], out[#out + 2] = name, values[i] end
  end
  return out
end
