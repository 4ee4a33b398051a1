"""Runs mosaik with a simulator that Folkmoot serves: `scenario.py SIMULATOR cmd|connect`.

SIMULATOR is the program of Folkmoot's example `mosaik`. A controller in Python, within mosaik, charges two batteries in the
simulator and looks at what they hold; its numbers are checked. Prints `OK ...`, or what was wrong and exits with 1.
"""
import subprocess
import sys

import mosaik
import mosaik_api_v3

STEP_SECONDS = 900
END_SECONDS = 4 * 3600
POWER_KW = {"battery-0": 4.0, "battery-1": 60.0}
CAPACITY_KWH = 100.0


class Controller(mosaik_api_v3.Simulator):
    """Gives each battery its power and keeps what it sees of them."""

    seen = {}

    def __init__(self):
        super().__init__({
            "type": "time-based",
            "models": {"Controller": {"public": True, "params": ["power_kw"], "attrs": ["power_kw", "charge_kwh"]}},
        })
        self.power = {}

    def init(self, sid, time_resolution=1.0):
        return self.meta

    def create(self, num, model, power_kw):
        eid = "controller-%d" % len(self.power)
        self.power[eid] = power_kw
        return [{"eid": eid, "type": model}]

    def step(self, time, inputs, max_advance):
        for eid, attributes in inputs.items():
            for source, value in attributes.get("charge_kwh", {}).items():
                Controller.seen.setdefault(source.split(".")[-1], []).append((time, value))
        return time + STEP_SECONDS

    def get_data(self, outputs):
        return {eid: {"power_kw": self.power[eid]} for eid in outputs}


def simulators(program, how):
    """mosaik's configuration, and the process that it will connect to, if any."""
    controller = {"python": "%s:Controller" % __name__}
    if how == "cmd":
        return {"Controller": controller, "Folkmoot": {"cmd": "%s %%(addr)s" % program}}, None
    served = subprocess.Popen([program, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    ready, address = served.stdout.readline().split()
    assert ready == "READY", ready
    return {"Controller": controller, "Folkmoot": {"connect": address}}, served


def refused(call, words):
    """Makes a call that must fail with an error whose text has these words."""
    try:
        call()
    except Exception as error:
        text = repr(error)
        assert words in text, text
    else:
        raise SystemExit("must fail with %r" % words)


def main():
    program, how = sys.argv[1:]
    config, served = simulators(program, how)
    world = mosaik.World(config)
    try:
        folkmoot = world.start("Folkmoot", step_size=STEP_SECONDS)
        controllers = world.start("Controller")
        batteries = folkmoot.Battery.create(2, capacity_kwh=CAPACITY_KWH, charge_kwh=10.0)
        refused(lambda: folkmoot.Battery.create(1, capacity_kwh="much"), "expected f64")
        for battery in batteries:
            controller = controllers.Controller(power_kw=POWER_KW[battery.eid])
            world.connect(controller, battery, "power_kw")
            world.connect(battery, controller, "charge_kwh", time_shifted=True, initial_data={"charge_kwh": 10.0})
        world.run(until=END_SECONDS)
    finally:
        world.shutdown()
    checks = 0
    for eid, power in POWER_KW.items():
        seen = Controller.seen[eid]
        assert [time for time, _ in seen] == list(range(0, END_SECONDS, STEP_SECONDS)), seen
        for time, charge in seen:
            # At each of its steps the controller sees what was there a step before.
            hours = max(0, time - STEP_SECONDS) / 3600
            wanted = min(10.0 + power * hours, CAPACITY_KWH)
            if abs(charge - wanted) > 1e-9:
                raise SystemExit("%s at %d s: %r kWh, not %r" % (eid, time, charge, wanted))
            checks += 1
    if served and served.wait(20) != 0:
        raise SystemExit("the simulator ended with %d" % served.returncode)
    print("OK %d checks: mosaik %s runs a simulator that Folkmoot serves, by %s" % (checks, mosaik.__version__, how))


if __name__ == "__main__":
    main()
