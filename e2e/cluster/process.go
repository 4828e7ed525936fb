package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tenantguard/tenantguard/e2e/lab"
)

// process is a program of the cluster. It may be started again after it was stopped.
type process struct {
	binary  string
	args    []string
	logFile string

	running *os.Process
	exited  chan struct{}
}

func newProcess(t lab.T, dir, binary string, args ...string) *process {
	t.Helper()
	p := &process{binary: binary, args: args, logFile: filepath.Join(dir, filepath.Base(binary)+".log")}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", filepath.Base(binary), p.log(30))
		}
	})

	return p
}

// start runs the program. Its log goes on where it ended.
func (p *process) start() error {
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command(p.binary, p.args...)
	cmd.Dir = filepath.Dir(p.logFile)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd)

	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The kernel takes the thread that starts a process for its parent, so that thread must not end before it.
		runtime.LockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.running, p.exited = cmd.Process, exited

	return nil
}

// kill ends the program at once and waits for its end.
func (p *process) kill() {
	if p.running == nil {
		return
	}
	p.running.Kill()
	<-p.exited
	p.running = nil
}

// alive returns an error if the program has ended by itself.
func (p *process) alive() error {
	select {
	case <-p.exited:
		log := p.log(5)
		if strings.Contains(log, errPort.Error()) {
			return stop(errPort)
		}
		return stop(fmt.Errorf("%s ended, its log: %s", filepath.Base(p.binary), log))
	default:
		return nil
	}
}

// log returns the last lines of the log.
func (p *process) log(count int) string {
	content, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")

	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// errPort is the failure of a start that another one may not meet: someone took a port between its choice and its use.
var errPort = errors.New("address already in use")
