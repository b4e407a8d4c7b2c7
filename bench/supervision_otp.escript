#!/usr/bin/env escript
%% The figures of bench_supervision for OTP's supervisor, and for a plain spawn_monitor loop.
%% usage: supervision_otp.escript FIGURE [COUNT]; one "name value" a line.
-module(supervision_otp).
-mode(compile).
-export([init/1, start_victim/2, victim/3, spin/0]).

main([Figure | Rest]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    run(Figure, case Rest of [] -> 0; [N | _] -> list_to_integer(N) end).

%% -- supervisors and children --

init({one, How}) ->
    {ok, {#{strategy => one_for_one, intensity => 100000000, period => 1},
          [#{id => victim, start => {?MODULE, start_victim, How}}]}};
init({many, How}) ->
    {ok, {#{strategy => simple_one_for_one, intensity => 100000000, period => 1},
          [#{id => victim, start => {?MODULE, start_victim, How}}]}};
init(spinners) ->
    {ok, {#{strategy => simple_one_for_one}, [#{id => spinner, start => {proc_lib, start_link, [?MODULE, spin, []]}}]}}.

start_victim(Teller, Mode) -> proc_lib:start_link(?MODULE, victim, [self(), Teller, Mode]).

victim(Parent, Teller, Mode) ->
    proc_lib:init_ack(Parent, {ok, self()}),
    up(Teller, Mode),
    loop(0).

%% Tells that a child is up: its driver each time, or a counter whose driver hears only of round numbers.
up(Driver, tell) -> Driver ! {up, self()};
up({Driver, Counter, Target}, count) ->
    case atomics:add_get(Counter, 1, 1) of
        Target -> Driver ! all_up;
        _ -> ok
    end;
up({Driver, Counter, Target}, crash) ->
    N = atomics:add_get(Counter, 1, 1),
    if N rem 10000 =:= 1 -> Driver ! {stamp, us()}; true -> ok end,
    if N < Target -> error(crashed_on_purpose); true -> Driver ! all_up end.

loop(N) ->
    receive
        {get, From, Ref} -> From ! {Ref, N}, loop(N);
        {add, M} -> loop(N + M);
        crash -> error(crashed_on_purpose);
        {'EXIT', _, Reason} -> exit(Reason)
    end.

spin() -> proc_lib:init_ack({ok, self()}), spin_on(0).
spin_on(N) -> spin_on(N + 1).

get_count(Pid) ->
    Ref = monitor(process, Pid),
    Pid ! {get, self(), Ref},
    receive
        {Ref, N} -> demonitor(Ref, [flush]), N;
        {'DOWN', Ref, _, _, Why} -> exit(Why)
    end.

stop(Supervisor) ->
    Ref = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok end.

%% -- figures --

run("latency", N) ->
    {ok, S} = supervisor:start_link(?MODULE, {one, [self(), tell]}),
    First = receive {up, Pid} -> Pid end,
    {_, Second} = crashes(First, N, 0),
    {Paced, Third} = crashes(Second, N, 2),
    percentiles("actor_paced", Paced),
    timer:sleep(1100),
    {Dense, _} = crashes(Third, N * 5, 0),
    percentiles("actor_back_to_back", Dense),
    stop(S);
run("restarts", N) ->
    Counter = atomics:new(1, []),
    {ok, S} = supervisor:start_link(?MODULE, {one, [{self(), Counter, N + 1}, crash]}),
    rates("quiet", N, Counter, 10000),
    exit(S, kill);
run("restarts_plain", N) ->
    Counter = atomics:new(1, []),
    Me = self(),
    P = spawn(fun() -> respawn(Me, Counter, N + 1) end),
    rates("plain", N, Counter, 10000),
    exit(P, kill);
run("children", N) ->
    Counter = atomics:new(1, []),
    Prefix = "n" ++ integer_to_list(N),
    {ok, S} = supervisor:start_link(?MODULE, {many, [{self(), Counter, N * 2}, count]}),
    erlang:garbage_collect(),
    Memory = rss(),
    T0 = us(),
    Pids = start_children(S, N),
    figure(Prefix ++ ".start_s", (us() - T0) / 1.0e6),
    timer:sleep(50),
    figure(Prefix ++ ".bytes_each", (rss() - Memory) / N),
    if N =< 10000 ->
           T1 = us(),
           [Pid ! crash || Pid <- Pids],
           receive all_up -> ok end,
           figure(Prefix ++ ".all_up_again_s", (us() - T1) / 1.0e6);
       true -> ok
    end,
    T2 = us(),
    stop(S),
    figure(Prefix ++ ".stop_s", (us() - T2) / 1.0e6);
run("spin", N) ->
    {ok, S} = supervisor:start_link(?MODULE, spinners),
    [{ok, _} = supervisor:start_child(S, []) || _ <- lists:seq(1, erlang:system_info(schedulers))],
    percentiles("which_children", [begin
        T = us(),
        supervisor:which_children(S),
        D = us() - T,
        timer:sleep(2),
        D
    end || _ <- lists:seq(1, N)]).

start_children(_, 0) -> [];
start_children(S, N) -> {ok, Pid} = supervisor:start_child(S, []), [Pid | start_children(S, N - 1)].

crashes(Pid, N, Pause) -> crashes(Pid, N, Pause, []).
crashes(Pid, 0, _, Out) -> {Out, Pid};
crashes(Pid, N, Pause, Out) ->
    T = us(),
    Pid ! crash,
    Next = receive {up, P} -> P end,
    get_count(Next),
    D = us() - T,
    if Pause > 0 -> timer:sleep(Pause); true -> ok end,
    crashes(Next, N - 1, Pause, [D | Out]).

respawn(Driver, Counter, Target) ->
    {_, Ref} = spawn_monitor(fun() -> up({Driver, Counter, Target}, crash), loop(0) end),
    receive {'DOWN', Ref, _, _, _} -> respawn(Driver, Counter, Target) end.

%% All that were done within the limit; first and last 10,000.
rates(Name, N, Counter, Limit) ->
    T = us(),
    Timer = erlang:send_after(Limit, self(), all_up),
    receive all_up -> erlang:cancel_timer(Timer) end,
    D = us() - T,
    Done = min(atomics:get(Counter, 1) - 1, N),
    figure(Name ++ ".per_s", Done / D * 1.0e6),
    figure(Name ++ ".done", Done),
    case stamps() of
        [A, B | Rest] ->
            figure(Name ++ ".first_10k_per_s", 1.0e10 / (B - A)),
            [Y, Z] = lists:nthtail(length(Rest), [A, B | Rest]),
            figure(Name ++ ".last_10k_per_s", 1.0e10 / (Z - Y));
        _ -> ok
    end.

stamps() -> receive {stamp, T} -> [T | stamps()] after 0 -> [] end.

us() -> erlang:monotonic_time(nanosecond) / 1000.

rss() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

percentiles(Name, L) ->
    Sorted = lists:sort(L),
    At = fun(Share) -> lists:nth(trunc(Share * (length(Sorted) - 1)) + 1, Sorted) end,
    figure(Name ++ ".p50_us", At(0.5)),
    figure(Name ++ ".p99_us", At(0.99)),
    figure(Name ++ ".max_us", lists:last(Sorted)).

figure(Name, Value) -> io:format("~s ~.6g~n", [Name, float(Value)]).
