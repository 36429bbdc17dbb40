-- finish, fail, doubt, hand back: running → success, retry, failure or waiting.
-- ARGV: offset, claim_id, version, max_attempts, base, cap, jitter, then for each record: id or *, verb, own, payload, run_ms
local claim_id, version = ARGV[2], ARGV[3]
local limits = {max_attempts = tonumber(ARGV[4]), base = tonumber(ARGV[5]), cap = tonumber(ARGV[6]), jitter = tonumber(ARGV[7])}
local ck = claim_key(claim_id)
local reply = {now, 0}

local function settle(id, verb, own, payload, run_ms)
  local told = redis.call('HGET', ck, 'word:' .. id)
  if told then return told end
  local r = load(id)
  if not held(r, claim_id) then
    -- Kept too: the claim is done with it, so a renewal that comes now must not take its child for one that still runs it.
    if redis.call('HGET', ck, 'status') == 'granted' then redis.call('HSET', ck, 'word:' .. id, 'void') end
    return 'void'
  end
  local word
  if verb == 'finish' then
    redis.call('ZREM', RUNNING, id)
    redis.call('HDEL', record_key(id), 'error')
    to_final(id, r, 'success', {result = payload, run_ms = run_ms, version = version})
    word = 'success'
  elseif verb == 'hand_back' then
    redis.call('ZREM', RUNNING, id)
    to_waiting(id, r)
    word = 'waiting'
  else
    word = fail(id, r, verb == 'fail_for_good', own == '1', payload, limits, version)
  end
  redis.call('HSET', ck, 'word:' .. id, word)
  return word
end

local function say(id, ...) reply[#reply + 1], reply[#reply + 2] = id, settle(id, ...) end

for i = 8, #ARGV, 5 do
  if ARGV[i] ~= '*' then
    say(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  else
    local status = redis.call('HGET', ck, 'status')
    if status == 'granted' then
      for id in string.gmatch(redis.call('HGET', ck, 'ids'), '%S+') do
        say(id, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
      end
    elseif status ~= 'nothing' then
      -- Its claim has not arrived, or was told to wait: should it come now, nobody is there to run what it would get.
      redis.call('HSET', ck, 'status', 'closed')
    end
  end
end
redis.call('PEXPIRE', ck, HOUR_MS)
reply[2] = shortage(known_batch())
return reply
