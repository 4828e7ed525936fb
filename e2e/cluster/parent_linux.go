package cluster

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the program even when a test panics or is killed and cleans nothing up.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
