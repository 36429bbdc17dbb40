-- renew: running → running. Request: claim_id, lease_ms, limit_ms.
-- Reply: kind, refused, begun_for_ms once it was begun, held (ids).
local claim_id, ck = request.claim_id, claim_key(request.claim_id)
local claim = redis.call('HMGET', ck, 'status', 'ids', 'begun', 'renewed')
local status, begun, lease = claim[1], tonumber(claim[3]), request.lease_ms
if not status or status == 'asking' then return reply({kind = 'not_yet'}) end
if status ~= 'granted' then return reply({kind = 'ended'}) end

-- Between two renewals at most a lease counts: a clock that steps, or a store that stood still, uses up nobody's run limit.
if begun then
  local passed = now - (tonumber(claim[4]) or begun)
  begun = begun + passed - math.max(0, math.min(passed, lease))
  redis.call('HSET', ck, 'begun', begun, 'renewed', now)
end
local refused = begun and now > begun + request.limit_ms
local ids, own = {}, true
for id in string.gmatch(claim[2], '%S+') do
  if held(load(id), claim_id) then
    ids[#ids + 1] = id
    if not refused then redis.call('ZADD', RUNNING, 'XX', now + lease, id) end
  elseif redis.call('HEXISTS', ck, 'word:' .. id) == 0 then
    own = false
  end
end
redis.call('PEXPIRE', ck, #ids > 0 and DAY_MS or HOUR_MS)
local kind = #ids > 0 and 'held' or own and 'ended' or 'lost'
return reply({kind = kind, refused = refused, begun_for_ms = begun and now - begun, held = ids})
