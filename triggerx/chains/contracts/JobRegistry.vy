#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Job Registry: who owns which job, and the hash of what it is
@dev The interface of the deployed Job Registry.
     jobHash = keccak256(abi.encode(jobName, jobType, timeFrame, targetContract, data));
     jobId = chain id (32 bits), timestamp (64 bits), counter (160 bits).
     lastUpdatedAt grows with every update, within one second too, so that it is a version.
"""

NAME_MAX: constant(uint256) = 256
DATA_MAX: constant(uint256) = 4096
# Jobs of one owner that are listed; more can be made, and found by their events.
LISTED_MAX: constant(uint256) = 1024
JOB_TYPE_MAX: constant(uint8) = 7
# A job of this type calls what its script says, so it may have no target.
JOB_TYPE_SCRIPT: constant(uint8) = 7


struct Job:
    jobId: uint256
    jobOwner: address
    jobHash: bytes32
    lastUpdatedAt: uint256
    isActive: bool


event JobCreated:
    jobId: indexed(uint256)
    jobOwner: indexed(address)
    jobHash: bytes32
    timestamp: uint256


event JobUpdated:
    jobId: indexed(uint256)
    jobOwner: indexed(address)
    newJobHash: bytes32
    timestamp: uint256


event JobDeleted:
    jobId: indexed(uint256)
    jobOwner: indexed(address)
    timestamp: uint256


getJobCounter: public(uint256)

_jobs: HashMap[uint256, Job]
_ids_by_counter: HashMap[uint256, uint256]
_ids_by_owner: HashMap[address, DynArray[uint256, LISTED_MAX]]


@internal
@pure
def _hash(
    name: String[NAME_MAX], job_type: uint8, time_frame: uint256, target: address, data: Bytes[DATA_MAX]
) -> bytes32:
    return keccak256(abi_encode(name, job_type, time_frame, target, data))


@external
def createJob(
    jobName: String[NAME_MAX], jobType: uint8, timeFrame: uint256, targetContract: address, data: Bytes[DATA_MAX]
) -> uint256:
    """
    @notice Makes a job of the caller and returns its id.
    @param timeFrame Seconds for which the job is meant to run.
    """
    if len(jobName) == 0:
        raw_revert(method_id("EmptyJobName()"))
    if jobType == 0 or jobType > JOB_TYPE_MAX:
        raw_revert(method_id("InvalidJobParameters()"))
    if targetContract == empty(address) and jobType != JOB_TYPE_SCRIPT:
        raw_revert(method_id("InvalidTargetContract()"))
    if chain.id >= 2**32:
        raw_revert(abi_encode(chain.id, max_value(uint32), method_id=method_id("ChainIdOverflow(uint256,uint256)")))
    counter: uint256 = self.getJobCounter + 1
    self.getJobCounter = counter
    job_id: uint256 = (chain.id << 224) | (block.timestamp << 160) | counter
    job_hash: bytes32 = self._hash(jobName, jobType, timeFrame, targetContract, data)
    self._jobs[job_id] = Job(
        jobId=job_id, jobOwner=msg.sender, jobHash=job_hash, lastUpdatedAt=block.timestamp, isActive=True
    )
    self._ids_by_counter[counter] = job_id
    if len(self._ids_by_owner[msg.sender]) < LISTED_MAX:
        self._ids_by_owner[msg.sender].append(job_id)
    log JobCreated(jobId=job_id, jobOwner=msg.sender, jobHash=job_hash, timestamp=block.timestamp)
    return job_id


@internal
@view
def _only_own(job_id: uint256):
    if self._jobs[job_id].jobOwner == empty(address):
        raw_revert(abi_encode(job_id, method_id=method_id("JobNotFound(uint256)")))
    if self._jobs[job_id].jobOwner != msg.sender:
        raw_revert(abi_encode(job_id, msg.sender, method_id=method_id("UnauthorizedJobAccess(uint256,address)")))
    if not self._jobs[job_id].isActive:
        raw_revert(abi_encode(job_id, method_id=method_id("JobAlreadyInactive(uint256)")))


@external
def updateJob(
    jobId: uint256,
    oldJobName: String[NAME_MAX],
    jobType: uint8,
    oldTimeFrame: uint256,
    targetContract: address,
    oldData: Bytes[DATA_MAX],
    newJobName: String[NAME_MAX],
    newTimeFrame: uint256,
    newData: Bytes[DATA_MAX],
):
    """
    @notice Changes a job's name, time frame and data; type and target stay. The old values must be the job's.
    """
    self._only_own(jobId)
    if len(newJobName) == 0:
        raw_revert(method_id("EmptyJobName()"))
    if self._jobs[jobId].jobHash != self._hash(oldJobName, jobType, oldTimeFrame, targetContract, oldData):
        raw_revert(method_id("InvalidJobParameters()"))
    job_hash: bytes32 = self._hash(newJobName, jobType, newTimeFrame, targetContract, newData)
    self._jobs[jobId].jobHash = job_hash
    updated_at: uint256 = max(block.timestamp, self._jobs[jobId].lastUpdatedAt + 1)
    self._jobs[jobId].lastUpdatedAt = updated_at
    log JobUpdated(jobId=jobId, jobOwner=msg.sender, newJobHash=job_hash, timestamp=updated_at)


@external
def deleteJob(jobId: uint256):
    """
    @notice Ends a job for good.
    """
    self._only_own(jobId)
    self._jobs[jobId].isActive = False
    updated_at: uint256 = max(block.timestamp, self._jobs[jobId].lastUpdatedAt + 1)
    self._jobs[jobId].lastUpdatedAt = updated_at
    log JobDeleted(jobId=jobId, jobOwner=msg.sender, timestamp=updated_at)


@external
@view
def getJob(jobId: uint256) -> Job:
    """
    @notice The job, zeros when there is none.
    """
    return self._jobs[jobId]


@external
@view
def getJobByCounter(jobCounter: uint256) -> Job:
    """
    @notice The job with this place in the order of creation, from 1 on; zeros when there is none.
    """
    return self._jobs[self._ids_by_counter[jobCounter]]


@external
@view
def getJobOwner(jobId: uint256) -> address:
    """
    @notice The job's owner, zero when there is no such job.
    """
    return self._jobs[jobId].jobOwner


@external
@view
def isJobActive(jobId: uint256) -> bool:
    """
    @notice Whether the job exists and was not deleted.
    """
    return self._jobs[jobId].isActive


@external
@view
def getUserJobIds(user: address) -> DynArray[uint256, LISTED_MAX]:
    """
    @notice The first 1024 jobs of an owner, deleted ones too.
    """
    return self._ids_by_owner[user]


@external
@view
def getUserActiveJobIds(user: address) -> DynArray[uint256, LISTED_MAX]:
    """
    @notice Those of the first 1024 jobs of an owner that are active.
    """
    active: DynArray[uint256, LISTED_MAX] = []
    for job_id: uint256 in self._ids_by_owner[user]:
        if self._jobs[job_id].isActive:
            active.append(job_id)
    return active


@external
@pure
def unpackJobId(jobId: uint256) -> (uint256, uint256, uint256):
    """
    @notice Chain id, timestamp of creation and counter of a job id.
    """
    return jobId >> 224, (jobId >> 160) & (2**64 - 1), jobId & (2**160 - 1)
