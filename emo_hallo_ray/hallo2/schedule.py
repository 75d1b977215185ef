"""From noise to a picture: the timesteps, and one step from each to the next."""

import warnings

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from emo_hallo_ray.hallo2.presets import SchedulerName

# The betas are linear, not "scaled linear" as Stable Diffusion's, and rescaled so that the last timestep is pure noise
# ("Common Diffusion Noise Schedules and Sample Steps are Flawed", arXiv:2305.08891), where only v can be predicted.
BETAS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "linear",
    "rescale_betas_zero_snr": True,
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}


class Schedule:
    """The steps of one clip. It has state: a multistep scheduler remembers the steps before.

    Args:
        scheduler: "ddim" is the original's; "dpm++" (second-order multistep, arXiv:2211.01095) wants half the steps.
    """

    def __init__(self, n_steps: int, scheduler: SchedulerName = "ddim") -> None:
        self._scheduler = (
            DDIMScheduler(**BETAS, clip_sample=False, steps_offset=1)
            if scheduler == "ddim"
            else DPMSolverMultistepScheduler(**BETAS, algorithm_type="dpmsolver++", final_sigmas_type="zero")
        )
        with warnings.catch_warnings():  # diffusers hands a tensor to numpy in a way that numpy 2 dislikes
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            self._scheduler.set_timesteps(n_steps)

    @property
    def timesteps(self) -> list[int]:
        """From 999 downwards."""
        return [int(timestep) for timestep in self._scheduler.timesteps]

    def step(self, prediction: Tensor, timestep: int, latents: Tensor) -> Tensor:
        """Latents after this timestep, in float32 whatever the prediction came in."""
        result: Tensor = self._scheduler.step(prediction.float(), torch.tensor(timestep), latents, return_dict=False)[0]
        return result
