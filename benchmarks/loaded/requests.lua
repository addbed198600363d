-- Requests of wrk: sends the requests in a file in turn, unlimited or at a steady rate, and compares the responses.
--
--   wrk ... -s requests.lua URL -- FILE RATE THREADS COMPARE
--
-- A line of FILE has, separated by tabs: path, expected status, header lines between "|" (or "-"), and the file of the
-- expected body (or "-"). RATE is the number of requests per second of all threads; 0 sets no limit. Each thread has a
-- schedule, and its next free connection takes the next scheduled time, so that slow responses do not delay others.
-- With COMPARE 1 and one connection per thread, a response belongs to the last request of its thread; its status, body
-- and request id are compared with the expected ones.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local MONOTONIC = 1
local moment = ffi.new("moment")
local requests, sent = {}, 0
local start, scheduled = nil, 0
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
    local entry = { target = target, status = tonumber(status), body = content(body), id = "a" .. #requests }
    local headers = { ["X-Request-ID"] = entry.id }
    for name, value in lines:gmatch("([%w-]+): ([^|]+)") do headers[name] = value end
    entry.text = wrk.format("GET", target, headers)
    table.insert(requests, entry)
  end
end

local function is_expected(entry, status, headers, body)
  if status ~= entry.status or headers["x-request-id"] ~= entry.id then return false end
  if entry.body == nil then return true end
  -- After a broken connection, wrk's buffer holds the incomplete response before the body of the next one.
  local length = tonumber(headers["content-length"])
  return length == #entry.body and body:sub(#body - length + 1) == entry.body
end

function init(args)
  read(args[1])
  local rate, count = tonumber(args[2]), tonumber(args[3])
  sent = math.floor(#requests * number / count)
  if rate > 0 then
    function delay()
      start = start or now() + number / rate
      local wait = start + scheduled * count / rate - now()
      scheduled = scheduled + 1
      if wait < -0.01 then late = late + 1 end
      return math.max(0, math.floor(wait * 1000 + 0.5))
    end
  end
  if args[4] == "1" then
    function response(status, headers, body)
      local entry = requests[(sent - 1) % #requests + 1]
      if not is_expected(entry, status, headers, body) then
        wrong = wrong + 1
        first_wrong = entry.target .. " answered " .. status
      end
    end
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1].text
end

function done(summary, latency)
  local total = { wrong = 0, late = 0 }
  local example = ""
  for _, thread in ipairs(threads) do
    for name in pairs(total) do total[name] = total[name] + thread:get(name) end
    if thread:get("first_wrong") ~= "" then example = thread:get("first_wrong") end
  end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write
  io.write(string.format(
    'MEASURED\t{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, ' ..
    '"most_ms": %.3f, "broken": %d, "timeouts": %d, "refused": %d, "wrong": %d, "late": %d}\t%s\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, broken, errors.timeout, errors.status, total.wrong, total.late, example))
end
