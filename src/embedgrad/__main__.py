from embedgrad.cli.main import run

run()
