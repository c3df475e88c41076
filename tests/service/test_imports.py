import subprocess
import sys
from pathlib import Path

from autoprec_service.store import open_store


def heavy_modules_after(code: str) -> str:
    program = f"import sys\n{code}\nprint(sorted({{'torch', 'alembic'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_service_loads_neither_torch_nor_alembic() -> None:
    assert "[]" == heavy_modules_after(
        "import autoprec_service.store, autoprec_service.policy, autoprec_service.exchange"
    )


def test_opening_a_store_that_is_up_to_date_does_not_load_alembic(tmp_path: Path) -> None:
    open_store(tmp_path / "store.db").close()
    code = f"from autoprec_service.store import open_store\nopen_store({str(tmp_path / 'store.db')!r}).trials()"
    assert "[]" == heavy_modules_after(code)
