//! Python beside the node: looked at before it is needed, started, and ended.
//!
//! Always true: Python is killed when its [`Garden`] is dropped. Neighbour: `garden.py` is what runs there.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use folkmoot::prelude::*;
use tokio::process::{Child, Command};

/// The garden's program.
const PROGRAM: &str = "academy_bridge/garden.py";

/// Whether that Python has Academy.
///
/// # Errors
/// What to install.
pub(crate) async fn check(python: &Path) -> Result<()> {
    let name = python.display();
    let advice = "install it with `python3 -m venv garden && garden/bin/pip install academy-py==1.0.0` and try again with \
                  `--python garden/bin/python`";
    let asked = Command::new(python).args(["-c", "import academy.agent"]).stdin(Stdio::null()).output().await;
    match asked {
        Err(error) => {
            Err(format!("the garden is written in Python, and {name} does not run: {error}; {advice}").into())
        }
        Ok(output) if !output.status.success() => {
            Err(format!("the garden is an agent of academy-py, which {name} has not got; {advice}").into())
        }
        Ok(_) => Ok(()),
    }
}

/// The process of the garden.
pub(crate) struct Garden(Child);

impl Garden {
    /// Starts the garden, whose mailbox will be where `url` leads.
    ///
    /// # Errors
    /// That it did not start.
    pub(crate) fn start(python: &Path, url: &str) -> Result<Garden> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
        let mut command = Command::new(python);
        command
            .arg(program)
            .arg(url)
            .stdin(Stdio::null())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true);
        Ok(Garden(command.spawn()?))
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// That it has ended; why, it has said on standard error.
    pub(crate) fn lives(&mut self) -> Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the garden has ended with {status}").into()),
        }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// That it ended otherwise than well.
    pub(crate) async fn end(mut self) -> Result<()> {
        let status = self.0.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the garden ended with {status}").into()) }
    }
}
