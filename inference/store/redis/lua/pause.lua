-- pause: nothing new starts, or it starts again (protocol rule 15). Request: paused (0: no, 1: submissions are kept, 2: refused).
-- Reply: tickets, for what waited meanwhile.
redis.call('HSET', META, 'paused', request.paused)
return reply({tickets = missing_tickets(known_batch())})
