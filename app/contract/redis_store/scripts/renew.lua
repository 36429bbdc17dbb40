-- renew: running → running. ARGV: offset, claim_id, lease_ms, limit_ms ; answers kind, refused, begun_for_ms (-1: not begun), held ids…
local claim_id, ck = ARGV[2], claim_key(ARGV[2])
local claim = redis.call('HMGET', ck, 'status', 'ids', 'begun', 'renewed')
local status, begun, lease = claim[1], tonumber(claim[3]), tonumber(ARGV[3])
if not status or status == 'asking' then return {now, 'not_yet', 0, -1} end
if status ~= 'granted' then return {now, 'ended', 0, -1} end

-- Between two renewals at most a lease counts: a clock that steps, or a store that stood still, uses up nobody's run limit.
if begun then
  local passed = now - (tonumber(claim[4]) or begun)
  begun = begun + passed - math.max(0, math.min(passed, lease))
  redis.call('HSET', ck, 'begun', begun, 'renewed', now)
end
local refused = begun and now > begun + tonumber(ARGV[4])
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
return {now, kind, refused and 1 or 0, begun and now - begun or -1, unpack(ids)}
