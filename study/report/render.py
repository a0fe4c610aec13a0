from pathlib import Path


def render_study(plan, records, *, folder, console):
    return Path(folder) / plan.name / "index.html"
