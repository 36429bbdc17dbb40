-- begin: running → running. Request: claim_id, task_ids. Reply: held, the ids of those still held.
local claim_id, still = request.claim_id, {}
for _, id in ipairs(request.task_ids) do
  local r = load(id)
  if held(r, claim_id) then
    if r.begun == 0 then
      redis.call('HSET', record_key(id), 'begun', now, 'began', '1')
      redis.call('ZREM', STARTS_BY, id)
      redis.call('HSETNX', claim_key(claim_id), 'begun', now)
    end
    still[#still + 1] = id
  end
end
return reply({held = still})
