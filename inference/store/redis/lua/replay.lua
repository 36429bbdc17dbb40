-- replay: failure → waiting, a new epoch. Request: task_id, epoch.
-- Reply: epoch, the one now running (0: another was named); tickets.
local id, epoch = request.task_id, request.epoch
local r = load(id)
if r and r.state ~= 'forgotten' and r.epoch == epoch + 1 then return reply({epoch = r.epoch, tickets = missing_tickets(known_batch())}) end
if not r or r.state ~= 'failure' or r.epoch ~= epoch then return reply({epoch = 0, tickets = 0}) end
redis.call('ZREM', DEAD, id)
redis.call('HDEL', record_key(id), 'error', 'ended', 'run_ms')
r.suspect = '0'
redis.call('HINCRBY', META, 'dead_bytes', -r.bytes)
redis.call('HINCRBY', META, 'bytes', r.bytes)
to_waiting(id, r, {epoch = epoch + 1, attempts = 0, suspect = '0'})
redis.call('ZADD', OUTSTANDING, r.created, id)
return reply({tickets = missing_tickets(known_batch()), epoch = epoch + 1})
