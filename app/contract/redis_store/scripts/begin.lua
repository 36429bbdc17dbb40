-- begin: running → running. ARGV: offset, claim_id, ids… ; answers those still held.
local claim_id = ARGV[2]
local reply = {now}
for i = 3, #ARGV do
  local id = ARGV[i]
  local r = load(id)
  if held(r, claim_id) then
    if r.begun == 0 then
      redis.call('HSET', record_key(id), 'begun', now, 'began', '1')
      redis.call('ZREM', STARTS_BY, id)
      redis.call('HSETNX', claim_key(claim_id), 'begun', now)
    end
    reply[#reply + 1] = id
  end
end
return reply
