! reader.f90: the ways in which Fortran programs read their input
!
! reader-f WHAT FILE prints sums of what it reads. As in most programs, no open
! has an action=, so that the run-time library first tries to open for writing.
program reader
    implicit none
    character(len=256) :: what, path

    call get_command_argument(1, what)
    call get_command_argument(2, path)
    select case (what)
    case ('write');       call write_records(trim(path))
    case ('formatted');   call formatted(trim(path))
    case ('unformatted'); call unformatted(trim(path))
    case ('backspace');   call backwards(trim(path))
    case ('stream');      call stream(trim(path))
    case ('direct');      call direct(trim(path))
    case ('inquire');     call ask(trim(path))
    case default;         error stop 'unknown word'
    end select

contains

    ! The data file of 'unformatted' and 'backspace': records of growing length.
    subroutine write_records(path)
        character(len=*), intent(in) :: path
        integer :: i, j, unit

        open (newunit=unit, file=path, form='unformatted', status='replace')
        do i = 1, 2000
            write (unit) i, (sqrt(real(i + j, 8)), j=1, mod(i, 500))
        end do
        close (unit)
    end subroutine

    subroutine formatted(path)
        character(len=*), intent(in) :: path
        integer :: unit, status, n, k
        real(8) :: a, b, sum_a, sum_b

        open (newunit=unit, file=path)
        n = 0; sum_a = 0; sum_b = 0
        do
            read (unit, *, iostat=status) k, a, b
            if (status /= 0) exit
            n = n + 1; sum_a = sum_a + a; sum_b = sum_b + b*k
        end do
        print *, 'lines', n, sum_a, sum_b, status
        rewind (unit)
        read (unit, *) k, a, b
        print *, 'first again', k, a, b
    end subroutine

    subroutine unformatted(path)
        character(len=*), intent(in) :: path
        integer :: unit, status, i, n
        real(8) :: x(500), total

        open (newunit=unit, file=path, form='unformatted')
        total = 0; n = 0
        do
            read (unit, iostat=status) i, x(1:mod(n + 1, 500))
            if (status /= 0) exit
            n = n + 1
            total = total + sum(x(1:mod(i, 500)))
        end do
        print *, 'records', n, total, status
    end subroutine

    ! From the end: backspace reads the length that stands after each record.
    subroutine backwards(path)
        character(len=*), intent(in) :: path
        integer :: unit, i, k

        open (newunit=unit, file=path, form='unformatted', position='append')
        do k = 1, 100
            backspace (unit)
            read (unit) i
            print *, i
            backspace (unit)
        end do
    end subroutine

    subroutine stream(path)
        character(len=*), intent(in) :: path
        integer :: unit, i
        integer(8) :: length
        real(8) :: x, block(1000), total

        open (newunit=unit, file=path, access='stream', form='unformatted')
        inquire (unit=unit, size=length)
        total = 0
        do i = 1, 20
            read (unit, pos=1 + (length/20)*(i - 1)/8*8) x
            total = total + x
        end do
        read (unit, pos=length - 8000 + 1) block
        print *, 'stream', length, total, sum(block)
    end subroutine

    subroutine direct(path)
        character(len=*), intent(in) :: path
        integer :: unit, i
        real(8) :: x(16), total

        open (newunit=unit, file=path, access='direct', recl=128)
        total = 0
        do i = 1, 5000
            read (unit, rec=1 + mod(i*7919, 5000)) x
            total = total + sum(x)
        end do
        print *, 'direct', total
    end subroutine

    subroutine ask(path)
        character(len=*), intent(in) :: path
        logical :: there, opened
        integer(8) :: length

        inquire (file=path, exist=there, opened=opened, size=length)
        print *, 'inquire', there, opened, length
    end subroutine
end program
