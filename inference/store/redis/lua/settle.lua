-- finish, fail, quarantine, hand back: running → success, retry, failure or waiting.
-- Request: claim_id, version, retry (see `fail`), outcomes: each with task_id ('*': all that it holds), verb, own, run_ms.
-- The payload of the first outcome is ARGV[2], of the second ARGV[3], and so on.
-- Reply: words, for each id the state it was moved to or 'void'; tickets; bad_runs (see `tell_run`).
local claim_id, version, ck, words = request.claim_id, request.version, claim_key(request.claim_id), {}

local function settle(id, outcome, payload)
  local told = redis.call('HGET', ck, 'word:' .. id)
  if told then return told end
  local r = load(id)
  if not held(r, claim_id) then
    -- Kept too: the claim is done with it, so a renewal that comes now must not take its child for one that still runs it.
    if redis.call('HGET', ck, 'status') == 'granted' then redis.call('HSET', ck, 'word:' .. id, 'void') end
    return 'void'
  end
  local word
  if outcome.verb == 'finish' then
    redis.call('ZREM', RUNNING, id)
    redis.call('HDEL', record_key(id), 'error')
    to_final(id, r, 'success', {result = payload, run_ms = outcome.run_ms, version = version})
    word = 'success'
  elseif outcome.verb == 'hand_back' then
    redis.call('ZREM', RUNNING, id)
    to_waiting(id, r)
    word = 'waiting'
  else
    word = fail(id, r, outcome.verb == 'fail_for_good', outcome.own, payload, request.retry, version)
    tell_run(id, r)
  end
  redis.call('HSET', ck, 'word:' .. id, word)
  return word
end

local function say(id, ...) words[#words + 1], words[#words + 2] = id, settle(id, ...) end

for n, outcome in ipairs(request.outcomes) do
  local payload = ARGV[n + 1]
  if outcome.task_id ~= '*' then
    say(outcome.task_id, outcome, payload)
  else
    local status = redis.call('HGET', ck, 'status')
    if status == 'granted' then
      for id in string.gmatch(redis.call('HGET', ck, 'ids'), '%S+') do say(id, outcome, payload) end
    elseif status ~= 'nothing' then
      -- Its claim has not arrived, or was told to wait: should it come now, nobody is there to run what it would get.
      redis.call('HSET', ck, 'status', 'closed')
    end
  end
end
redis.call('PEXPIRE', ck, HOUR_MS)
return reply({words = words, tickets = missing_tickets(known_batch()), bad_runs = bad_runs})
