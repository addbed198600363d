-- What wrk asks: the lines of a file in turn, as fast as answers come or so many a second, and whether they are right.
--
--   wrk ... -s requests.lua URL -- ADDRESSES RATE THREADS SHARE
--
-- A line is: path, status, header lines between "|" or "-", file of the expected body or "-", with tabs between them.
-- RATE is the requests a second of all threads, 0: no limit. Each thread has a timetable: whichever of its connections
-- is free takes the next time of it, so that slow answers slow no others down. With SHARE 1 and one connection to each
-- thread, an answer belongs to what the thread asked last, and status, body and request id are compared.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local MONOTONIC = 1
local moment = ffi.new("moment")
local addresses, asked = {}, 0
local begun, timetable = nil, 0
wrong, late, first_wrong = 0, 0, ""

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

local function content(path)
  if path == "-" then return nil end
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function read(path)
  for line in io.lines(path) do
    local target, status, lines, body = line:match("^(.-)\t(.-)\t(.-)\t(.-)$")
    local one = { target = target, status = tonumber(status), body = content(body), id = "a" .. #addresses }
    local headers = { ["X-Request-ID"] = one.id }
    for name, value in lines:gmatch("([%w-]+): ([^|]+)") do headers[name] = value end
    one.text = wrk.format("GET", target, headers)
    table.insert(addresses, one)
  end
end

local function is_right(one, status, headers, body)
  if status ~= one.status or headers["x-request-id"] ~= one.id then return false end
  if one.body == nil then return true end
  -- What came of an answer whose connection broke stays in wrk's buffer, before the body of the next one.
  local length = tonumber(headers["content-length"])
  return length == #one.body and body:sub(#body - length + 1) == one.body
end

function init(args)
  read(args[1])
  local rate, count = tonumber(args[2]), tonumber(args[3])
  asked = math.floor(#addresses * number / count)
  if rate > 0 then
    function delay()
      begun = begun or now() + number / rate
      local wait = begun + timetable * count / rate - now()
      timetable = timetable + 1
      if wait < -0.01 then late = late + 1 end
      return math.max(0, math.floor(wait * 1000 + 0.5))
    end
  end
  if args[4] == "1" then
    function response(status, headers, body)
      local one = addresses[(asked - 1) % #addresses + 1]
      if not is_right(one, status, headers, body) then
        wrong = wrong + 1
        first_wrong = one.target .. " answered " .. status
      end
    end
  end
end

function request()
  asked = asked + 1
  return addresses[(asked - 1) % #addresses + 1].text
end

function done(summary, latency)
  local total = { wrong = 0, late = 0 }
  local told = ""
  for _, thread in ipairs(threads) do
    for name in pairs(total) do total[name] = total[name] + thread:get(name) end
    if thread:get("first_wrong") ~= "" then told = thread:get("first_wrong") end
  end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write
  io.write(string.format(
    'MEASURED\t{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, ' ..
    '"most_ms": %.3f, "broken": %d, "timeouts": %d, "refused": %d, "wrong": %d, "late": %d}\t%s\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, broken, errors.timeout, errors.status, total.wrong, total.late, told))
end
