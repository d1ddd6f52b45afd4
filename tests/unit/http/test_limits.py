from triggerx.http.limits import RateLimiter


def test_take_when_a_burst_is_over_then_it_flows_evenly() -> None:
    limiter = RateLimiter()
    grants = [limiter.take("a", limit=60, now=0.0) for _ in range(7)]
    assert [grant.is_allowed for grant in grants] == [True] * 6 + [False]
    assert [grant.remaining for grant in grants] == [5, 4, 3, 2, 1, 0, 0]
    assert grants[-1].headers()["Retry-After"] == "1"
    assert limiter.take("a", limit=60, now=1.0).is_allowed
    assert not limiter.take("a", limit=60, now=1.0).is_allowed


def test_take_when_a_minute_turns_then_no_second_burst_comes() -> None:
    limiter = RateLimiter()
    allowed = sum(limiter.take("a", limit=60, now=59.0 + step / 100).is_allowed for step in range(200))
    assert allowed == 7  # the burst of 6 and the 2 s that pass, less the moment they end


def test_take_when_callers_differ_then_they_do_not_share_and_the_oldest_is_forgotten() -> None:
    limiter = RateLimiter(callers_max=2)
    assert limiter.take("a", limit=1, now=0.0).is_allowed
    assert not limiter.take("a", limit=1, now=0.0).is_allowed
    assert limiter.take("b", limit=1, now=0.0).is_allowed
    assert limiter.take("c", limit=1, now=0.0).is_allowed
    assert limiter.take("a", limit=1, now=0.0).is_allowed


def test_headers_when_granted_then_policy_and_state_are_told() -> None:
    headers = RateLimiter().take("a", limit=600, now=5.0).headers()
    assert headers == {"RateLimit-Policy": '"default";q=600;w=60', "RateLimit": '"default";r=59;t=1'}
